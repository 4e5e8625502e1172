/**
 * The learner's side of the socket: one machine without DOM, clock or dice of its own.
 *
 * Inputs are methods with `now` (monotonic milliseconds); outputs go to the port given. `tick` must be called about
 * four times a second from a clock that a hidden tab does not stop. See docs/protocol.md.
 */

import { Playback } from './playback.js';
import { edge, normalise } from './intervals.js';

/** @typedef {import('./intervals.js').Span} Span */
/** @typedef {import('./line.js').Saved} Saved */

const UNANSWERED_MS = 8000; // an ack takes milliseconds: after this the line is dead, whatever the system thinks
const HANDED_MS = 3000; // after handing over the server closes; if it cannot, we do
const REPLAY_REST_MS = 500;

export class Client extends Playback {
  /** @param {import('./line.js').Port} port */
  constructor(port) {
    super(port);
    this.nextBeatAt = 0;
    this.nudgedFor = -1; // the durable news after which a nudge was sent already
    this.total = 0;
    this.final = 0;
    this.day = 0;
    this.cap = 0;
    this.counting = false;
    this.why = '';
    this.complete = false;
    this.earns = true;
    /** @type {Span[]} */
    this.covered = [];
  }

  /**
   * Goes on after a reload with what the page before it saved.
   * @param {number} now
   * @param {Saved} saved
   * @param {boolean} want whether to play on
   * @param {boolean} pressed whether the learner asked for it, so that a lost seat may be taken anew
   */
  restore(now, saved, want, pressed) {
    this.want = want;
    this.pressedAt = pressed ? now : -Infinity;
    this.forget();
    saved.spans.forEach((span, index) => this.outbox.shelve(span, index ? 0 : saved.frames));
    this.seat = { token: saved.token, fence: saved.fence };
    this.url = saved.url;
    this.restored = saved;
    this.redial(now);
  }

  // What the server says.

  /**
   * @param {number} now
   * @param {any} frame
   */
  frame(now, frame) {
    if (frame.t === 'lost') this.lost = frame;
    else if (frame.t === 'welcome') this._welcome(now, frame);
    else if (this.state === 'live') this._live(now, frame);
    this.port.changed();
  }

  /**
   * @param {number} now
   * @param {any} frame
   */
  _live(now, frame) {
    if (frame.t === 'ack') this._ack(now, frame);
    else if (frame.t === 'check') this._check(now, frame.check);
    else if (frame.t === 'verdict') this._verdict(now, frame);
    else if (frame.t === 'ledger') this._ledger(frame);
    else if (frame.t === 'hold') this._hold(now, frame);
    else if (frame.t === 'handover') this._handover(now);
    else if (frame.t === 'drain') this.drainAt = now + Math.round(this.port.random() * frame.in_ms);
  }

  /**
   * @param {number} now
   * @param {any} frame
   */
  _welcome(now, frame) {
    if (this.state !== 'opening') return;
    const started = Boolean(this.first);
    this.state = 'live';
    this.seat = frame;
    this.pressedAt = -Infinity;
    this.attempt = this.tickets = 0;
    this.drainAt = this.handedAt = 0;
    this.trouble = '';
    this.lost = this.hold = null;
    this.must = this.durableLate = false;
    this.outbox.welcome(now, frame.nonce);
    this.nextBeatAt = now + frame.first_beat_ms;
    this.nudgedFor = -1;
    this.total = frame.total_ms;
    this.final = frame.final_ms;
    this.day = frame.day_ms;
    this.cap = frame.cap_ms;
    this.complete = frame.complete;
    // A day's cap ends at midnight while the lesson goes on: the acks say when time counts again.
    this.earns = frame.earns || frame.why === 'daily_cap';
    this.counting = frame.earns;
    this.why = frame.why || '';
    this.covered = normalise(frame.covered);
    this.furthest = Math.max(this.furthest, edge(this.covered), frame.pos);
    this._place(now, frame, started);
    const played = this.playing;
    this._check(now, frame.check || null);
    // A new seat knows nothing of what plays: time counts from a beat that says so.
    if (played && this.playing) this.tell(now, 'play');
    this.sync(now, 'play');
    this.keep(this.playing);
  }

  /**
   * Where to go on.
   * @param {number} now
   * @param {any} frame
   * @param {boolean} started
   */
  _place(now, frame, started) {
    const restored = this.restored;
    this.restored = null;
    if (started) this._moveTo(now, frame.pos >= frame.duration_ms - REPLAY_REST_MS ? 0 : frame.pos);
    else if (restored) this._moveTo(now, restored.pos);
    // What was played between the resume frame and now has no elapsed time: it is played once more, also when it
    // was paused meanwhile. Going on behind it would be a seek ahead, and nothing would count any more.
    else if (this.resumedAt >= 0) this._moveTo(now, this.resumedAt);
    this.resumedAt = -1;
  }

  /**
   * @param {number} now
   * @param {number} pos
   */
  _moveTo(now, pos) {
    if (this.collector.running) {
      this.collector.take();
      this.collector.running = false;
      this.collector.open(pos, now);
    }
    this.port.seek(pos);
  }

  /**
   * @param {number} now
   * @param {any} frame
   */
  _ack(now, frame) {
    const span = this.outbox.acked(frame, now);
    if (span) this._claimed(span, frame);
    this.total = frame.total_ms;
    this.day = frame.day_ms;
    this.complete = frame.complete;
    this.counting = frame.counting;
    this.why = frame.why || '';
    this.flush(now);
    this._durability(now);
    this.keep(this.playing);
  }

  /**
   * A claim was answered. Beats travel unevenly, so a tail of it may wait for its time: it is claimed once more.
   * @param {Span} span
   * @param {any} frame
   */
  _claimed(span, frame) {
    const short = Math.min(frame.short_ms || 0, span[1] - span[0]);
    // The beat of a pause counts what was played before it, and says that nothing counts from now on.
    const reached = span[1] - short;
    if (frame.counting || frame.total_ms > this.total) this.covered = normalise([...this.covered, [span[0], reached]]);
    this.tail = null;
    if (short && short < this.seat.beat_ms) this.tail = /** @type {Span} */ ([reached, span[1]]);
  }

  /**
   * @param {number} now
   * @param {any} push
   */
  _check(now, push) {
    const before = this.check;
    this.check = push;
    if (push) {
      this.must = false;
      this.checkId = push.id;
    }
    // The stretch is closed before the sheet takes the focus.
    this.sync(now, 'pause');
    if (push || before) this.port.check(push);
  }

  /**
   * @param {number} now
   * @param {any} frame
   */
  _verdict(now, frame) {
    if (this.check && frame.check !== this.check.id) return;
    if (frame.decided) {
      this.check = null;
      this.must = !frame.go_on;
    } else if (frame.next) this.check = frame.next;
    this.port.verdict(frame);
    this.sync(now, 'play');
  }

  /** @param {any} frame */
  _ledger(frame) {
    this.covered = normalise(frame.covered);
    this.total = frame.total_ms;
    this.final = frame.final_ms;
    if (frame.action === 'void') this.port.notice('voided');
    if (frame.action === 'restore') this.port.notice('restored');
  }

  /**
   * @param {number} now
   * @param {any} frame
   */
  _hold(now, frame) {
    this.hold = frame.over ? null : frame;
    this.sync(now, frame.over ? 'play' : 'pause');
  }

  /** @param {number} now */
  _handover(now) {
    this.want = false;
    if (this.playing) this.sync(now, 'pause');
    else this.tell(now, 'pause');
    this.handedAt = now;
    this.port.send({ t: 'bye' });
  }

  /**
   * The page comes back from the browser's memory: the old socket is dead.
   * @param {number} now
   */
  dropLineIfSeated(now) {
    if (this.state === 'live' || this.state === 'opening' || this.state === 'dialing') this.dropLine(now);
  }

  // Time.

  /** @param {number} now */
  tick(now) {
    if (!this.waited(now)) this._pace(now);
    if (this.playing) {
      this.progressed(now);
      this._durability(now);
    }
  }

  /** @param {number} now */
  _pace(now) {
    if (this.handedAt) {
      if (now - this.handedAt < HANDED_MS) return;
      this.port.hangup();
      this.park(now, '');
      return;
    }
    const silent = this.outbox.unansweredSince();
    if ((this.drainAt && now >= this.drainAt) || (silent && now - silent >= UNANSWERED_MS)) {
      this.dropLine(now);
      return;
    }
    if (now >= this.nextBeatAt) {
      // Aligned to the start phase; after a sleep the missed ones are not made up.
      const behind = Math.floor((now - this.nextBeatAt) / this.seat.beat_ms);
      this.nextBeatAt += (behind + 1) * this.seat.beat_ms;
      this._beat(now);
    } else if (this.playing && this._nudgeDue(now)) {
      this.nudgedFor = this.outbox.newsAt;
      this._beat(now);
    }
    this.flush(now);
  }

  /** @param {number} now */
  _nudgeDue(now) {
    return this.nudgedFor !== this.outbox.newsAt && now - this.outbox.newsAt >= this.seat.nudge_ms;
  }

  /** @param {number} now */
  _beat(now) {
    if (this.observe(now)) this.tell(now, 'seek');
    this.tell(now, 'beat');
  }

  /**
   * Nobody honest watches uncounted: without durable news playback stands, and goes on with it.
   * @param {number} now
   */
  _durability(now) {
    if (!this.seat || !this.seat.pause_ms) return;
    const late = now - this.outbox.durableSentAt >= this.seat.pause_ms;
    if (late === this.durableLate || (late && !this.playing)) return;
    this.durableLate = late;
    this.sync(now, late ? 'pause' : 'play');
    this.port.changed();
  }

  /** What the status line must tell. */
  view() {
    const run = this.collector;
    return {
      state: this.state, playing: this.playing, want: this.want, blocked: this.blocked(), ended: this.ended,
      total: this.total, final: this.final, day: this.day, cap: this.cap, counting: this.counting, why: this.why,
      complete: this.complete, earns: this.earns, covered: this.covered, hold: this.hold,
      trouble: this.trouble, lost: this.lost, code: this.closeCode, ack: this.outbox.ack, beat: this.outbox.seq,
      running: /** @type {Span|null} */ (run.running ? [run.from, run.last] : null),
    };
  }
}
