/** Turns positions of the media element into exact spans of played media. */

/** @typedef {import('./intervals.js').Span} Span */

// A position may run ahead of the wall by so much between two looks before it is taken for a jump.
export const JUMP_MS = 1200;

export class Collector {
  constructor() {
    this.running = false;
    this.from = 0;
    this.last = 0;
    this.lastAt = 0;
    /** @type {Span[]} */
    this.done = [];
  }

  /**
   * Playback begins at `pos`.
   * @param {number} pos
   * @param {number} now
   */
  open(pos, now) {
    this.close();
    this.running = true;
    this.from = this.last = pos;
    this.lastAt = now;
  }

  /**
   * The element stands at `pos`. A jump closes the run: only contiguous media is one span.
   * @param {number} pos
   * @param {number} now
   * @param {number} rate permille
   * @returns {boolean} true when it was a jump
   */
  look(pos, now, rate) {
    if (!this.running) return false;
    const most = Math.max(0, now - this.lastAt) * Math.max(rate, 1000) / 1000 + JUMP_MS;
    const jumped = pos < this.last || pos - this.last > most;
    if (jumped) {
      this._push();
      this.from = pos;
    }
    this.last = pos;
    this.lastAt = now;
    return jumped;
  }

  /** Ends the run where it was last seen. */
  close() {
    if (this.running) this._push();
    this.running = false;
    this.from = this.last;
  }

  /**
   * All spans since the last call; a running one goes on from here.
   * @returns {Span[]}
   */
  take() {
    if (this.running) {
      this._push();
      this.from = this.last;
    }
    const spans = this.done;
    this.done = [];
    return spans;
  }

  _push() {
    if (this.last > this.from) this.done.push([this.from, this.last]);
  }
}
