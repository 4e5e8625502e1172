/**
 * Beats on their way: numbered, paced, kept until the server has stored them.
 *
 * Numbers count from 1 on each connection (the welcome is beat 0). Three words of safety: *accepted* (an ack),
 * *durable* (survives one failure), *stored* (in the record). Spans are kept until stored; a reconnect sends them
 * merged in one frame.
 */

import { longest, normalise } from './intervals.js';

/** @typedef {import('./intervals.js').Span} Span */
/**
 * @typedef {object} Draft a beat without its number
 * @property {string} kind
 * @property {number} pos
 * @property {Span|null} span
 * @property {number} frames -1 where the browser cannot tell
 * @property {boolean} playing from now on
 * @property {boolean} visible
 * @property {boolean} focused
 * @property {boolean} pip
 * @property {number} rate permille
 * @property {string[]} signals
 */
/** @typedef {{seq: number, at: number, span: Span|null, frames: number, before?: boolean}} Told */

export const SPANS_MAX = 16;
const UNANSWERED_MAX = 6; // the server refuses beats that answer an older word than eight beats back
const BURST = 20; // beats that may follow each other at once, then one a second: the server allows 90 a minute
const TOLD_MAX = 200;

export class Outbox {
  constructor() {
    /** @type {Told[]} */
    this.told = [];
    /** @type {Draft[]} */
    this.queue = [];
    this.seq = 0; // newest beat sent on this connection
    this.ack = 0;
    this.durable = 0;
    this.stored = 0;
    this.nonce = '';
    this.durableSentAt = 0; // when the newest durable beat was sent
    this.newsAt = 0; // when it was last heard that one became durable
    this.tokens = BURST;
    this.tokensAt = 0;
  }

  /**
   * A connection is open. Whatever was told before it counts as told by its first beat.
   * @param {number} now
   * @param {string} nonce
   */
  welcome(now, nonce) {
    const held = this.unstored();
    this.seq = this.ack = this.durable = this.stored = 0;
    this.nonce = nonce;
    this.durableSentAt = this.newsAt = now;
    this.tokens = BURST;
    this.tokensAt = now;
    this.queue = [];
    this.told = held.spans.map((span) => ({ seq: 1, at: now, span, frames: 0, before: true }));
    if (this.told.length) this.told[0].frames = held.frames;
  }

  /** Nothing is kept any more: another seat begins. */
  clear() {
    this.told = [];
    this.queue = [];
  }

  /**
   * Media played without a line: told by the next resume frame.
   * @param {Span} span
   * @param {number} frames
   */
  shelve(span, frames) {
    this.told.push({ seq: Infinity, at: 0, span, frames });
    if (this.told.length > TOLD_MAX) this._shrink();
  }

  /** @param {Draft} draft */
  put(draft) {
    this.queue.push(draft);
  }

  /**
   * Frames that may go out now, in order.
   * @param {number} now
   */
  flush(now) {
    this.tokens = Math.min(BURST, this.tokens + Math.max(0, now - this.tokensAt) / 1000);
    this.tokensAt = now;
    const frames = [];
    while (this.queue.length && this.tokens >= 1 && this.seq - this.ack < UNANSWERED_MAX) {
      this.tokens -= 1;
      frames.push(this._number(/** @type {Draft} */ (this.queue.shift()), now));
    }
    return frames;
  }

  /**
   * @param {Draft} draft
   * @param {number} now
   */
  _number(draft, now) {
    this.seq += 1;
    this.told.push({ seq: this.seq, at: now, span: draft.span, frames: draft.frames });
    if (this.told.length > TOLD_MAX) this._shrink();
    return Object.assign({ t: 'beat', seq: this.seq, ack: this.ack, nonce: this.nonce }, draft);
  }

  /** A record that is not written for long: old beats lose their own numbers, not their media. */
  _shrink() {
    const old = this.told.splice(0, TOLD_MAX / 2);
    const spans = normalise(/** @type {Span[]} */ (old.map((item) => item.span).filter(Boolean)));
    const last = old[old.length - 1];
    /** @type {Told[]} */
    const merged = spans.map((span) => ({ seq: last.seq, at: last.at, span, frames: 0 }));
    this.told = merged.concat(this.told);
  }

  /**
   * @param {{seq: number, nonce: string, durable: number, stored: number}} frame
   * @param {number} now
   * @returns {Span|null} what the acknowledged beat carried
   */
  acked(frame, now) {
    const beat = this.told.filter((item) => item.seq === frame.seq && !item.before).pop();
    if (frame.seq >= this.ack) {
      this.ack = frame.seq;
      this.nonce = frame.nonce;
    }
    if (frame.durable > this.durable) {
      const newest = this.told.filter((item) => item.seq <= frame.durable && !item.before).pop();
      if (newest) this.durableSentAt = Math.max(this.durableSentAt, newest.at);
      this.durable = frame.durable;
      this.newsAt = now;
    }
    if (frame.stored > this.stored) this.stored = frame.stored;
    this.told = this.told.filter((item) => item.seq > this.stored);
    return beat ? beat.span : null;
  }

  /** When the oldest beat without an ack was sent; 0 when all are answered. */
  unansweredSince() {
    const open = this.told.filter((item) => item.seq > this.ack && item.seq <= this.seq && !item.before);
    return open.length ? open[0].at : 0;
  }

  /** Everything that is not known to be stored, merged: the spans of a resume frame. */
  unstored() {
    /** @type {Span[]} */
    const spans = [];
    let frames = 0;
    for (const item of /** @type {{span: Span|null, frames: number}[]} */ (this.told).concat(this.queue)) {
      if (item.span) spans.push(item.span);
      frames += Math.max(0, item.frames);
    }
    return { spans: longest(spans, SPANS_MAX), frames };
  }
}
