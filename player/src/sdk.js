/**
 * Puts a lesson into a page of somebody else. See HOST.md.
 *
 * - `embed(element, url)`: the lesson page in an iframe; `url` is what POST /api/v1/host/tickets answered. Any origin.
 * - `mount(element, options)`: the player itself, for pages of the same origin as the engine. `ticket` is a start
 *   ticket; `renew` fetches another one when the learner switches back. `events(name, detail)` hears: state, welcome,
 *   ack, check, verdict, ledger, hold, handover, lost, drain.
 */

import { base, open } from './lesson.js';
import { loadWords } from './words.js';

/** @typedef {import('./lesson.js').Config} Config */
/** @typedef {(name: string, detail: object) => void} Events */

/**
 * @param {HTMLElement} element
 * @param {Config & {events?: Events}} options
 * @returns {{destroy: () => void}}
 */
export function mount(element, options) {
  const make = (/** @type {string} */ tag, /** @type {string} */ name) => {
    const place = document.createElement(tag);
    place.className = name;
    return element.appendChild(place);
  };
  const places = {
    stage: make('div', 'zx-place'), status: make('p', 'zx-status'), progress: make('div', 'zx-progress'),
    sheets: make('div', 'zx-sheets'),
  };
  places.status.setAttribute('role', 'status');
  places.status.setAttribute('aria-live', 'polite');
  const config = Object.assign({
    host: Boolean(options.ticket), ticket_url: `${new URL(base).origin}/api/v1/embed/${options.lesson_id}`,
  }, options);
  /** @type {import('./lesson.js').Lesson|null} */
  let lesson = null;
  let gone = false;
  loadWords(config.lang).then((words) => {
    if (!gone) lesson = open(config, places, options.events || (() => {}), words);
  });
  return {
    destroy() {
      gone = true;
      if (lesson) lesson.destroy();
      element.textContent = '';
    },
  };
}

/**
 * @param {HTMLElement} element
 * @param {string} url with the ticket behind the #
 * @returns {{destroy: () => void}}
 */
export function embed(element, url) {
  const frame = document.createElement('iframe');
  frame.src = url;
  frame.allow = `camera ${new URL(url).origin}; fullscreen; autoplay`;
  frame.style.cssText = 'width:100%;height:100%;border:0';
  frame.title = 'Zhenxue';
  element.appendChild(frame);
  return { destroy: () => frame.remove() };
}
