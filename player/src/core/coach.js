/**
 * The coach before a burst: what the mirror shows, in cheap numbers, and the one thing that would help most.
 *
 * It advises and never refuses: the server judges again, and after a few seconds the burst goes whatever is seen.
 * Of shape it knows nothing but where skin tones are, and says nothing where those are everywhere (a wooden wall,
 * warm light); a browser that finds faces by itself is believed instead.
 */

export const SETTLE_MS = 1200; // the learner looks up, the camera finds its exposure
const PATIENCE_MS = 4000;
const HOLD_MS = 1200; // a sentence stands so long, or nobody can read it or hear it out
const GOOD_LOOKS = 2;

// Of a picture 0-255; the server's own bounds are in `proctor/faces/quality.py`, these are a little within them.
const DARK = 46;
const BRIGHT = 226;
const BLURRED = 0.02; // only what is quite out of focus: fine hair and smooth skin differ tenfold

/**
 * @typedef {object} Sight
 * @property {number} light mean of the oval
 * @property {number} rim mean of what is around it
 * @property {number} sharp variance of the Laplacian within the oval, in squares of its light
 * @property {number} inside share of skin tones within the oval
 * @property {number} outside share in the rest
 * @property {number} x middle of the skin tones from the middle of the oval, in its half widths; image left < 0
 * @property {number} y the same downwards, in half heights
 * @property {string|null} face what a browser that finds faces would say, "" for nothing; null where it finds none
 */

/** Half axes of the oval, in sides of the square that the mirror shows. */
export const OVAL = [0.27, 0.36];

/**
 * @param {ArrayLike<number>} rgba of the square that the mirror shows
 * @param {number} side of it in pixels
 */
export function measure(rgba, side) {
  const grey = new Float32Array(side * side);
  const middle = [0, 0, 0]; // pixels, light, skin
  const rest = [0, 0, 0];
  const skin = [0, 0, 0]; // pixels, x, y
  const edge = [0, 0]; // sum, squares
  for (let at = 0; at < grey.length; at += 1) {
    const [r, g, b] = [rgba[4 * at], rgba[4 * at + 1], rgba[4 * at + 2]];
    grey[at] = 0.299 * r + 0.587 * g + 0.114 * b;
    const dx = ((at % side + 0.5) / side - 0.5) / OVAL[0];
    const dy = (at / side / side - 0.5) / OVAL[1];
    const inside = dx * dx + dy * dy < 1;
    const toned = isSkin(grey[at], r, b);
    add(inside ? middle : rest, 1, grey[at], toned);
    // The neck and the chest are skin, too: what is far below says nothing of the face.
    if (toned && dy < 1.3) add(skin, 1, dx, dy);
    if (inside && at > 2 * side) {
      const found = 4 * grey[at - side] - grey[at] - grey[at - 2 * side] - grey[at - side - 1] - grey[at - side + 1];
      add(edge, found, found * found, 0);
    }
  }
  const [count, sum] = middle;
  return {
    light: sum / count, rim: rest[1] / rest[0], inside: middle[2] / count, outside: rest[2] / rest[0],
    sharp: (edge[1] / count - (edge[0] / count) * (edge[0] / count)) / ((sum / count) * (sum / count) || 1),
    x: skin[0] ? skin[1] / skin[0] : 0, y: skin[0] ? skin[2] / skin[0] : 0,
  };
}

/** @param {number[]} sums @param {number[]} more */
function add(sums, ...more) {
  for (let at = 0; at < sums.length; at += 1) sums[at] += more[at];
}

/** Whether chroma is that of skin, light or dark. @param {number} light @param {number} r @param {number} b */
function isSkin(light, r, b) {
  const cb = 128 + 0.564 * (b - light);
  const cr = 128 + 0.713 * (r - light);
  return light > 30 && cb > 77 && cb < 127 && cr > 133 && cr < 173 ? 1 : 0;
}

/**
 * What would help most: a key of the texts behind `coach_`, "" when all is well. `left` and `right` are the
 * learner's own, and those of the mirror: who is too far left in the camera's picture must go left in both.
 * @param {Sight} seen
 */
export function advise(seen) {
  if (seen.face === 'many') return seen.face;
  if (seen.light < DARK) return seen.rim > 90 && seen.rim > 2.2 * seen.light ? 'backlit' : 'dark';
  if (seen.light > BRIGHT) return 'bright';
  return (seen.face === null ? bySkin(seen) : seen.face) || (seen.sharp < BLURRED ? 'blurred' : '');
}

/** @param {Sight} seen */
function bySkin(seen) {
  if (seen.outside > 0.25 || seen.inside < 0.04) return '';
  return aside(seen.x, seen.y, 0.75) || (seen.inside < 0.18 ? 'far' : '');
}

/**
 * Where to go so that the middle is met. @param {number} x @param {number} y @param {number} most
 */
export function aside(x, y, most) {
  if (Math.max(Math.abs(x), Math.abs(y)) < most) return '';
  if (Math.abs(x) >= Math.abs(y)) return x < 0 ? 'left' : 'right';
  return y < 0 ? 'down' : 'up';
}

export class Coach {
  constructor() {
    this.word = ''; // what is advised now: a key behind `coach_`
    this.wordAt = -Infinity;
    this.from = 0;
    this.until = 0;
    this.good = 0;
    this.looks = 0;
  }

  /**
   * @param {number} now
   * @param {number} left ms of the window: near its end nobody is kept waiting
   */
  begin(now, left) {
    this.from = now;
    this.until = now + SETTLE_MS + Math.min(PATIENCE_MS, left / 8);
    this.word = '';
    this.wordAt = -Infinity;
    this.good = 0;
    this.looks = 0;
  }

  /**
   * @param {number} now
   * @param {Sight} seen
   * @returns {boolean} the word changed
   */
  seen(now, seen) {
    const word = advise(seen);
    this.looks += 1;
    this.good = word ? 0 : this.good + 1;
    if (word === this.word || now - this.from < SETTLE_MS / 2 || now - this.wordAt < HOLD_MS) return false;
    this.word = word;
    this.wordAt = now;
    return true;
  }

  /** May the burst begin? @param {number} now */
  lets(now) {
    if (now >= this.until) return true;
    return now - this.from >= SETTLE_MS && (this.good >= GOOD_LOOKS || !this.looks);
  }
}
