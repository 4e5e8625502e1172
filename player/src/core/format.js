/** Numbers as people read them. */

/** @param {number} value */
function two(value) {
  return value < 10 ? `0${value}` : String(value);
}

/** 12:40, or 1:05:09 from an hour on. @param {number} ms */
export function clock(ms) {
  const seconds = Math.floor(Math.max(0, ms) / 1000);
  const hours = Math.floor(seconds / 3600);
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}

/**
 * A length of time in a sentence: 6 小时, 1 小时 05 分, 12 分 40 秒. Rounds down, as the pages do.
 * @param {number} ms
 * @param {(key: string) => string} text
 */
export function length(ms, text) {
  const all = Math.floor(Math.max(0, ms) / 1000);
  const h = Math.floor(all / 3600);
  const m = Math.floor(all / 60) % 60;
  const s = all % 60;
  const key = h ? (m ? 'hm' : 'h') : m ? (s ? 'ms' : 'm') : 's';
  return fill(text(`length_${key}`), { h, m: h ? two(m) : m, s: m ? two(s) : s });
}

/** 14:32 in the learner's own time. @param {number} epochMs */
export function hour(epochMs) {
  const date = new Date(epochMs);
  return `${two(date.getHours())}:${two(date.getMinutes())}`;
}

/**
 * Puts values into `{name}` places.
 * @param {string} text
 * @param {Object<string, string|number>} [values]
 */
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (values && name in values ? String(values[name]) : whole));
}
