/** What a closed socket means, and how long to wait before dialling again. */

export const WELCOME_MS = 3000;
const FIRST_MS = 400;
const MOST_MS = 10000;

/**
 * By range, so that a client need not know each code.
 * @param {number} code
 * @returns {'reconnect'|'user'|'final'}
 */
export function meaning(code) {
  if (code >= 4400 && code <= 4499) return 'user';
  if (code >= 4500 && code <= 4999) return 'final';
  return 'reconnect';
}

/**
 * Exponential with full jitter, so that a restart of ours is not followed by a storm.
 * @param {number} attempt 0 for the first redial
 * @param {() => number} random
 */
export function delay(attempt, random) {
  const most = Math.min(MOST_MS, FIRST_MS * Math.pow(2, Math.min(attempt, 8)));
  return Math.round(50 + random() * most);
}

/**
 * How long to wait for the welcome: 3 s, a little more on each attempt for lines that are merely slow.
 * @param {number} attempt
 */
export function patience(attempt) {
  return Math.min(WELCOME_MS + 1500 * attempt, 12000);
}
