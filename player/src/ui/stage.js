/** The stage: media-chrome around the element, without picture in picture, casting or download. */

import { el } from './dom.js';

const ELEMENTS = [
  'media-controller', 'media-control-bar', 'media-play-button', 'media-time-range', 'media-time-display',
  'media-mute-button', 'media-volume-range', 'media-playback-rate-button', 'media-fullscreen-button',
  'media-loading-indicator',
];
// Hotkeys that the page must not have: captions we have none, picture in picture we refuse, speed has its button.
const HOTKEYS = 'nopip nop noc noshift+/ no< no>';

/**
 * Loads media-chrome's elements, one module each.
 * @param {string} base address of media-chrome's package
 * @param {string} lang
 * @returns {Promise<boolean>} false: native controls must do
 */
export async function loadControls(base, lang) {
  if (!base || !window.customElements) return false;
  try {
    const files = ELEMENTS.map((name) => `${base}/dist/${name}.js`);
    if (lang !== 'en') files.unshift(`${base}/dist/lang/zh-CN.js`);
    await Promise.all(files.map((file) => import(file)));
    return true;
  } catch (error) {
    return false;
  }
}

/**
 * @param {HTMLElement} host
 * @param {HTMLVideoElement} video
 * @param {{poster: string, lang: string, text: (key: any) => string}} options
 */
export function buildStage(host, video, options) {
  const say = options.text;
  video.slot = 'media';
  if (options.poster) video.poster = options.poster;
  const rate = el('media-playback-rate-button', { rates: '0.75 1', 'aria-label': say('rate'), notooltip: true });
  const mute = el('media-mute-button', { 'aria-label': say('mute'), notooltip: true });
  const full = el('media-fullscreen-button', { notooltip: true });
  const controller = el('media-controller', {
    lang: options.lang === 'en' ? 'en' : 'zh-CN', hotkeys: HOTKEYS, fullscreenelement: host.id,
    'aria-label': say('player'), noautohide: false,
  }, [
    video,
    el('media-loading-indicator', { slot: 'centered-chrome', noautohide: true }),
    el('media-control-bar', {}, [
      el('media-play-button', { notooltip: true }),
      el('media-time-range'),
      // The range says the time to those who do not see it.
      el('media-time-display', { showduration: true, notoggle: true, 'aria-hidden': 'true' }),
      mute, el('media-volume-range'), rate, full,
    ]),
  ]);
  // The elements write their own labels, which differ from what they show; these are said instead.
  keepLabel(rate, () => `${say('rate')} ${video.playbackRate}x`);
  keepLabel(mute, () => say('mute'));
  const play = el('button', { type: 'button', class: 'zx-play', 'data-act': 'play', 'aria-label': say('play') });
  const over = el('div', { class: 'zx-over' });
  const word = el('p', { class: 'zx-word', role: 'status', 'aria-live': 'polite' });
  host.classList.add('zx-stage');
  host.textContent = '';
  [controller, play, over, word].forEach((child) => host.appendChild(child));
  let wordTimer = 0;
  return {
    controller, play, over,
    /** A short word that goes away by itself. @param {string} text */
    word(text) {
      word.textContent = text;
      word.classList.add('zx-on');
      clearTimeout(wordTimer);
      wordTimer = window.setTimeout(() => word.classList.remove('zx-on'), 4000);
    },
    /** Full page by CSS where the container cannot go to full screen: never the native player of a phone. */
    toggleWebFull() {
      const on = host.classList.toggle('zx-webfull');
      document.documentElement.classList.toggle('zx-noscroll', on);
      full.toggleAttribute('mediaisfullscreen', on);
    },
    leaveFull() {
      host.classList.remove('zx-webfull');
      document.documentElement.classList.remove('zx-noscroll');
      const anyDocument = /** @type {any} */ (document);
      if (anyDocument.fullscreenElement && anyDocument.exitFullscreen) anyDocument.exitFullscreen().catch(() => {});
    },
  };
}

/**
 * @param {HTMLElement} element
 * @param {() => string} label
 */
function keepLabel(element, label) {
  const write = () => {
    if (element.getAttribute('aria-label') !== label()) element.setAttribute('aria-label', label());
  };
  if (typeof MutationObserver === 'function') {
    new MutationObserver(write).observe(element, { attributes: true, attributeFilter: ['aria-label'] });
  }
  write();
}

/**
 * Takes the controls' wishes before media-chrome acts on them.
 * @param {HTMLElement} host
 * @param {{play: () => void, pause: () => void, seek: (ms: number) => boolean, rate: (permille: number) => boolean,
 *   full: () => boolean}} to `false`: it is refused; `full` is true when it was done here
 */
export function takeWishes(host, to) {
  /** @param {string} name @param {(detail: any) => boolean} allow */
  const on = (name, allow) => host.addEventListener(name, (event) => {
    if (allow(/** @type {CustomEvent} */ (event).detail)) return;
    event.stopImmediatePropagation();
    event.preventDefault();
  }, true);
  on('mediaplayrequest', () => {
    to.play();
    return false;
  });
  on('mediapauserequest', () => {
    to.pause();
    return false;
  });
  on('mediaseekrequest', (detail) => to.seek(Math.round(Number(detail) * 1000)));
  on('mediaplaybackraterequest', (detail) => to.rate(Math.round(Number(detail) * 1000)));
  ['mediaenterpiprequest', 'mediaentercastrequest', 'mediaairplayrequest', 'medialooprequest'].forEach(
    (name) => on(name, () => false));
  ['mediaenterfullscreenrequest', 'mediaexitfullscreenrequest'].forEach((name) => on(name, () => !to.full()));
}
