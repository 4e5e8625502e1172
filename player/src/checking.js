/** The check of the person in the page: its machine, its sheet, the camera and the upload, wired together. */

import { stills } from './core/burst.js';
import { Check } from './core/check.js';
import { uploadFrames } from './dom/api.js';
import { cameraAllowed, createCamera, hints } from './dom/camera.js';
import { now } from './dom/clock.js';
import { createCheckSheet } from './ui/sheets.js';

const PASSED_SHOWN_MS = 1400;
const RESULT_SHOWN_MS = 6000;
const FILES_MAX = 3;
const ROOM_AGAIN_MS = 1500;
const PACE_MS = 50; // frames are taken at moments that the page drew, not at those of its slow clock

/**
 * @param {HTMLElement} host
 * @param {import('./core/client.js').Client} client
 * @param {{text: (key: string) => string, english: boolean, learn: (words: Object<string, string>|null) => void,
 *   opened: () => void, changed: () => void}} to
 */
export function createChecking(host, client, to) {
  const check = new Check({
    openCamera,
    closeCamera: () => camera.close(),
    grab,
    upload(push, burst) {
      uploadFrames(push, burst, hints(sheet.mirror.srcObject))
        .then((answer) => check.uploaded(now(), answer.status, answer.code));
    },
    sheet: (id, state, why) => client.sheet(id, state, why),
    plan(push, left) {
      if (push.way !== 'active') return stills();
      const room = active.enter();
      const calm = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
      return room ? room.moves(push.actions, Math.random, left, calm) : null;
    },
    changed: to.changed,
  });
  const sheet = createCheckSheet(host, check, {
    text: to.text,
    refusals: () => refusals.enter() !== null,
    now,
    live: () => client.state === 'live',
    opened() {
      to.opened();
      client.prompted(now(), true, document.hasFocus());
    },
    closed: () => client.prompted(now(), false, document.hasFocus()),
    async files(files) {
      const some = Array.prototype.slice.call(files, 0, FILES_MAX);
      // What cannot be made smaller goes as it is.
      const room = await import('./dom/file.js').catch(() => null);
      check.picked(now(), room ? await Promise.all(some.map(room.shrink)) : some);
    },
  });
  const camera = createCamera(sheet.mirror);
  let looking = false;
  let pacing = 0;
  const active = createRoom(
    async (name) => (await import('./active.js' + name)).createActive(to.english), (room) => to.learn(room && room.words));
  const code = createRoom(
    async (name) => (await import('./code_way.js' + name)).createCodeWay(sheet.place, to.english, {
      now, answered: (/** @type {boolean} */ taken) => check.answered(now(), taken), decline: () => check.decline(),
    }), to.changed);
  // Whoever passes at once never needs them.
  const refusals = createRoom(
    (name) => (to.english ? import('./core/refusals.en.js' + name) : import('./core/refusals.zh.js' + name)),
    (room) => to.learn(room && (room.zh || room.en)));

  async function openCamera() {
    // The browser's own question takes the focus; that is no leave.
    client.prompted(now(), true, document.hasFocus());
    const why = await camera.open();
    client.prompted(now(), false, document.hasFocus());
    if (why === 'closed') return;
    if (why) check.cameraFailed(why);
    else check.cameraReady(now());
  }

  async function grab() {
    const shot = await camera.grab();
    if (shot.why) check.cameraFailed(shot.why);
    else check.grabbed(now(), shot.frame);
  }

  /** One look at a time; without any the burst goes at its time. */
  function look() {
    if (looking) return;
    looking = true;
    camera.look().then((sight) => {
      looking = false;
      check.seen(now(), sight);
    }, () => {});
  }

  /** @param {number} at */
  function tick(at) {
    check.tick(at, client.state === 'live');
    if (check.stage === 'ready') look();
    const form = check.stage === 'code' && code.enter();
    if (form) form.tick(at);
    const quick = check.stage === 'shooting';
    if (quick && !pacing) pacing = window.setInterval(() => check.tick(now(), client.state === 'live'), PACE_MS);
    else if (!quick && pacing) pacing = (clearInterval(pacing), 0);
  }

  return {
    /** A check is pending, or none any more. @param {any} push */
    async pending(push) {
      const eager = Boolean(push) && push.way !== 'code' && await cameraAllowed();
      if (push && client.check !== push) return;
      if (push && push.way === 'active') active.enter();
      check.pending(now(), push, eager);
    },
    /** @param {any} frame */
    verdict: (frame) => check.verdict(now(), frame),
    draw() {
      sheet.draw();
      const form = check.stage === 'code' && code.enter();
      sheet.place.hidden = !form;
      if (form) form.show(check.push, check.why);
    },
    /** @param {number} at */
    tick(at) {
      tick(at);
      sheet.tick(at);
      const shown = check.outcome === 'passed' ? PASSED_SHOWN_MS : RESULT_SHOWN_MS;
      if (check.stage === 'result' && check.goOn && at - check.sentAt >= shown) check.close();
    },
    close() {
      clearInterval(pacing);
      camera.close();
    },
  };
}

/**
 * A part of the player that is fetched when a check needs it, and again while the network is away.
 * @template T
 * @param {(name: string) => Promise<T>} load `name` goes behind the module's: browsers remember that one failed
 * @param {(found: T|undefined) => void} told what is in it, undefined: it could not be had now
 */
function createRoom(load, told) {
  let tries = 0;
  let at = 0;
  /** @type {T|null|undefined} */
  let found = null;
  return {
    /** What is in it; null while it is on its way, which this sets off, undefined after it failed. */
    enter() {
      if (found || now() < at) return found;
      at = Infinity;
      load(tries ? `?${tries}` : '').then((got) => {
        found = got;
        told(got);
      }, () => {
        tries += 1;
        at = now() + ROOM_AGAIN_MS;
        found = undefined;
        told(found);
      });
      return found;
    },
  };
}
