/** What the device check tries out in the browser: a second of film, a few pings, the two clocks, the camera. */

import { light, network, skew } from '../core/preflight.js';
import { sample } from './sample.js';

const PINGS = 5;
const PING_MS_MAX = 4000;
const FILM_MS_MAX = 4000;
const LOOKS = 3;
const LOOK_GAP_MS = 350;
const SETTLE_MS = 1200; // a camera needs a moment to find its exposure

/** @param {number} ms */
function wait(ms) {
  return new Promise((done) => setTimeout(done, ms));
}

/**
 * @param {string} hls address of hls.js; "" when it is not there
 * @returns {Promise<''|'none'|'frozen'|'tap'>}
 */
export async function probePlayback(hls) {
  const video = document.createElement('video');
  const source = typeof MediaSource === 'function'
    || typeof /** @type {any} */ (window).ManagedMediaSource === 'function';
  if (!(source && hls) && !video.canPlayType('application/vnd.apple.mpegurl')) return 'none';
  video.muted = true;
  ['muted', 'playsinline', 'webkit-playsinline'].forEach((name) => video.setAttribute(name, ''));
  const url = URL.createObjectURL(sample());
  video.src = url;
  try {
    const until = Date.now() + FILM_MS_MAX;
    await Promise.race([video.play(), wait(FILM_MS_MAX)]);
    while (video.currentTime < 0.3 && !video.ended && Date.now() < until) await wait(60);
    return video.currentTime >= 0.3 || video.ended ? '' : 'frozen';
  } catch (error) {
    return error && error.name === 'NotAllowedError' ? 'tap' : 'none';
  } finally {
    video.removeAttribute('src');
    video.load();
    URL.revokeObjectURL(url);
  }
}

/**
 * @param {string} url
 * @returns {Promise<{ms: number, at: number, sent: number, got: number}|null>} `at`: the server's clock, 0 unknown
 */
async function ping(url) {
  const sent = Date.now();
  const began = performance.now();
  const stop = typeof AbortController === 'function' ? new AbortController() : null;
  const timer = setTimeout(() => stop && stop.abort(), PING_MS_MAX);
  try {
    const answer = await fetch(`${url}?t=${sent}`, Object.assign(
      { cache: /** @type {RequestCache} */ ('no-store'), credentials: /** @type {RequestCredentials} */ ('omit') },
      stop ? { signal: stop.signal } : {}));
    const ms = performance.now() - began;
    return { ms, at: Date.parse(answer.headers.get('Date') || '') || 0, sent, got: Date.now() };
  } catch (error) {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Network and time come from the same pings.
 * @param {string} url
 */
export async function probeLine(url) {
  const answers = [];
  for (let turn = 0; turn < PINGS; turn += 1) {
    const answer = await ping(url);
    if (answer) answers.push(answer);
    // Nothing at all: no reason to wait for all of them.
    if (turn === 1 && !answers.length) break;
  }
  // The quickest ping knows the server's time best.
  const timed = answers.filter((answer) => answer.at).sort((a, b) => a.ms - b.ms)[0];
  return {
    network: network(answers.map((answer) => answer.ms), PINGS),
    time: timed ? skew(timed.at, timed.sent, timed.got) : null,
  };
}

/**
 * @param {ReturnType<import('./camera.js').createCamera>} camera
 * @returns {Promise<string>} "" or what is wrong
 */
export async function probeCamera(camera) {
  const why = await camera.open();
  if (why) return why;
  await wait(SETTLE_MS);
  let brightness = 0;
  for (let turn = 0; turn < LOOKS; turn += 1) {
    const shot = await camera.grab();
    if (shot.why) return shot.why;
    brightness = shot.light;
    await wait(LOOK_GAP_MS);
  }
  return light(brightness);
}
