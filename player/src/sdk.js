/**
 * Mounts the player into a page of somebody else. See HOST.md.
 *
 * `mount(element, { ticket, lesson_id, ticket_url, events, renew, … })` builds everything inside `element` and returns
 * `{ destroy }`. `ticket` is a start ticket of the host; `renew` fetches another one when the learner switches back.
 * `events(name, detail)` hears: state, welcome, ack, check, verdict, ledger, hold, handover, lost, drain.
 */

import { Lesson } from './lesson.js';

/** Address of the folder of this module, with a slash at its end. */
export const base = import.meta.url.replace(/[^/]*$/, '');

/** @param {Document} page */
export function linkStyles(page) {
  if (page.querySelector('link[href*="player.css"]')) return;
  const link = page.createElement('link');
  link.rel = 'stylesheet';
  link.href = `${base}player.css`;
  page.head.appendChild(link);
}

/**
 * @param {HTMLElement} element
 * @param {import('./lesson.js').Config & {events?: (name: string, detail: object) => void}} options
 */
export function mount(element, options) {
  linkStyles(document);
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
  const lesson = new Lesson(config, places, base, options.events || (() => {}));
  lesson.start();
  return {
    destroy() {
      lesson.destroy();
      element.textContent = '';
    },
  };
}
