/** What a reload of this tab needs; in sessionStorage, because it is this tab's own business. */

const KEY = 'zx.seat';
const AGE_MS_MAX = 600000; // after ten minutes a new start is the honest way: the check of the start comes again

/** @param {number} bytes */
function hex(bytes) {
  const array = new Uint8Array(bytes);
  crypto.getRandomValues(array);
  return Array.from(array, (byte) => (byte < 16 ? '0' : '') + byte.toString(16)).join('');
}

/** A fresh id of this page load. */
export function newPageId() {
  return hex(16);
}

/**
 * @param {number} lessonId
 * @param {object|null} saved
 */
export function keep(lessonId, saved) {
  try {
    if (saved) sessionStorage.setItem(KEY, JSON.stringify(Object.assign({ lesson: lessonId, at: Date.now() }, saved)));
    else sessionStorage.removeItem(KEY);
  } catch (error) {
    // A full or forbidden storage costs the reload's continuity, nothing else.
  }
}

/**
 * @param {number} lessonId
 * @returns {import('../core/line.js').Saved|null}
 */
export function kept(lessonId) {
  try {
    const saved = JSON.parse(sessionStorage.getItem(KEY) || 'null');
    const fresh = saved && saved.lesson === lessonId && Math.abs(Date.now() - saved.at) < AGE_MS_MAX;
    return fresh && Array.isArray(saved.spans) ? saved : null;
  } catch (error) {
    return null;
  }
}

/** Was this page load a reload (and not a fresh visit)? */
export function isReload() {
  const entries = performance.getEntriesByType ? performance.getEntriesByType('navigation') : [];
  const entry = /** @type {any} */ (entries[0]);
  return Boolean(entry) && (entry.type === 'reload' || entry.type === 'back_forward');
}
