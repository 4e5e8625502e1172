/** Half-open spans of media milliseconds: `[from, to]`, integers. */

/** @typedef {[number, number]} Span */

/**
 * Sorted and disjoint; touching spans become one, empty ones vanish.
 * @param {Span[]} spans
 * @returns {Span[]}
 */
export function normalise(spans) {
  /** @type {Span[]} */
  const result = [];
  const sorted = spans.filter((span) => span[1] > span[0]).sort((a, b) => a[0] - b[0]);
  for (const span of sorted) {
    const last = result[result.length - 1];
    if (last && span[0] <= last[1]) last[1] = Math.max(last[1], span[1]);
    else result.push([span[0], span[1]]);
  }
  return result;
}

/** @param {Span[]} spans disjoint */
export function total(spans) {
  return spans.reduce((sum, span) => sum + span[1] - span[0], 0);
}

/**
 * Where the furthest span ends; 0 when there is none.
 * @param {Span[]} spans
 */
export function edge(spans) {
  return spans.reduce((most, span) => Math.max(most, span[1]), 0);
}

/**
 * The at most `count` longest spans, sorted: what fits into one resume frame.
 * @param {Span[]} spans
 * @param {number} count
 */
export function longest(spans, count) {
  const merged = normalise(spans);
  if (merged.length <= count) return merged;
  const kept = merged.slice().sort((a, b) => b[1] - b[0] - (a[1] - a[0])).slice(0, count);
  return normalise(kept);
}

/**
 * The first uncovered stretch of at least `least` milliseconds, or null.
 * @param {Span[]} covered
 * @param {number} duration
 * @param {number} least
 * @returns {Span|null}
 */
export function firstGap(covered, duration, least) {
  let at = 0;
  for (const span of normalise(covered)) {
    if (span[0] - at >= least) return [at, span[0]];
    at = Math.max(at, span[1]);
  }
  return duration - at >= least ? [at, duration] : null;
}
