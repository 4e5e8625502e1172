/** Courtesy rules of seeking and speed. The server decides what counts; these only keep learners from wasting time. */

import { edge } from './intervals.js';

/** @typedef {import('./intervals.js').Span} Span */

// A tap on the time range lands a little beside the edge; the server tolerates 1.5 s.
export const SEEK_TOLERANCE_MS = 1000;

/**
 * @param {number} target where somebody wants to go
 * @param {Span[]} covered what is counted already
 * @param {number} furthest the furthest position played in this page
 * @returns {{ok: boolean, edge: number}} `edge`: the furthest place that is allowed
 */
export function seek(target, covered, furthest) {
  const limit = Math.max(edge(covered), furthest);
  return { ok: target <= limit + SEEK_TOLERANCE_MS, edge: limit };
}

/**
 * @param {number} rate permille
 * @param {number} rateMax permille
 */
export function rateAllowed(rate, rateMax) {
  return rate > 0 && rate <= rateMax;
}
