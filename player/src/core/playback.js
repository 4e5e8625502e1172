/**
 * When the element plays, what was played, and how it is told: presence, spans and beats on top of the line.
 */

import { Collector } from './collector.js';
import { Line, PROTOCOL_VERSION } from './line.js';
import { Outbox } from './outbox.js';
import { Presence } from './presence.js';
import { edge, normalise } from './intervals.js';

/** @typedef {import('./intervals.js').Span} Span */
/** @typedef {import('./line.js').Look} Look */
/** @typedef {import('./line.js').Port} Port */

const BROWSER_PAUSE_MS = 1000; // a browser may pause a tab a little before it says that the tab is hidden
// A tap on the time range lands a little beside the edge; the server tolerates 1.5 s.
const SEEK_TOLERANCE_MS = 1000;

/**
 * A courtesy, as the next one: the server decides what counts, these only keep learners from wasting time.
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

export class Playback extends Line {
  /** @param {Port} port */
  constructor(port) {
    super(port);
    this.collector = new Collector();
    this.outbox = new Outbox();
    this.presence = new Presence();
    this.want = false; // the learner wants it to play
    this.playing = false; // it was told to play
    this.ended = false;
    this.pausedAt = -Infinity; // of a pause that nobody of ours asked for
    /** @type {any} */
    this.check = null;
    this.must = false; // a missed check must be taken before playback goes on
    this.checkId = '';
    /** @type {any} */
    this.hold = null;
    this.durableLate = false;
    this.framesTold = 0;
    this.furthest = 0;
    this.resumedAt = -1; // position in the newest resume frame
    /** @type {Span|null} */
    this.tail = null; // of the newest claim: the server's clock did not reach it yet, the next claim begins there
  }

  // What the learner does.

  /**
   * The play button, also the buttons "go on here" and "switch back".
   * @param {number} now
   */
  press(now) {
    if (this.state === 'over') return;
    this.want = true;
    if (this.state === 'idle' || this.state === 'parked') this.begin();
    else if (this.state === 'waiting') this.redial(now);
    if (this.ended) {
      this.ended = false;
      this.port.seek(0);
      if (this.state === 'live') this.tell(now, 'seek', 0);
    }
    if (this.state === 'live' && this.must) this.sheet(this.checkId, 'open');
    if (this.check) this.port.check(this.check);
    this.sync(now, 'play');
  }

  /** @param {number} now */
  pause(now) {
    this.want = false;
    this.sync(now, 'pause');
  }

  /**
   * The element stopped although it should play: a media key, a headset, the browser itself.
   * @param {number} now
   */
  stoppedByOthers(now) {
    if (!this.playing) return;
    this.pausedAt = now;
    this.pause(now);
  }

  /**
   * play() was refused: the browser wants a tap first.
   * @param {number} now
   */
  refusedToPlay(now) {
    this.want = false;
    this.sync(now, 'pause');
    this.port.notice('tap_to_play');
  }

  /**
   * A seek within the allowed part begins; `pos` is where it goes.
   * @param {number} now
   * @param {number} pos
   */
  seeked(now, pos) {
    const running = this.collector.running;
    this.resumedAt = -1;
    this.ended = false;
    this.collector.close();
    if (this.state === 'live') this.tell(now, 'seek', pos);
    if (running) this.collector.open(pos, now);
    this.port.changed();
  }

  /** @param {number} now */
  rateChanged(now) {
    if (this.state !== 'live') return;
    this.observe(now);
    this.tell(now, 'rate');
  }

  /** @param {number} now */
  reachedEnd(now) {
    this.observe(now);
    this.ended = true;
    this.want = false;
    this.sync(now, 'end');
  }

  /**
   * The element moved on.
   * @param {number} now
   */
  progressed(now) {
    if (this.observe(now) && this.state === 'live') this.tell(now, 'seek');
  }

  /**
   * @param {number} now
   * @param {{visible?: boolean, focused?: boolean, pip?: boolean}} change
   */
  presenceChanged(now, change) {
    this._present(now, this.presence.change(change));
  }

  /**
   * A prompt of ours (sheet, camera permission) opens or closes: no leave.
   * @param {number} now
   * @param {boolean} open
   * @param {boolean} hasFocus
   */
  prompted(now, open, hasFocus) {
    this._present(now, this.presence.prompt(open, hasFocus));
  }

  /**
   * @param {number} now
   * @param {string} kind
   */
  _present(now, kind) {
    if (kind && kind !== 'show' && now - this.pausedAt < BROWSER_PAUSE_MS) this.want = true;
    const before = this.playing;
    this.sync(now, kind);
    // Also a paused page tells that it was left or is back: the record shows it.
    if (kind && this.state === 'live' && before === this.playing) this.tell(now, kind);
    this.presence.remember();
    this.port.changed();
  }

  /**
   * The page goes away: a last beat, and what a reload needs.
   * @param {number} now
   */
  leave(now) {
    const playing = this.playing;
    if (playing) {
      this.observe(now);
      if (this.state === 'live') this.tell(now, 'hide', undefined, false);
    }
    this.keep(playing);
  }

  /**
   * The page hands over or is closed on purpose.
   * @param {number} now
   * @param {string} why
   */
  bye(now, why) {
    if (this.state === 'over') return;
    this.want = false;
    this.sync(now, 'pause');
    if (this.state === 'live') this.port.send({ t: 'bye' });
    this.port.hangup();
    this.park(now, why);
  }

  /**
   * Another tab of this browser studies now.
   * @param {number} now
   */
  yieldToTab(now) {
    if (this.state === 'idle' || this.state === 'parked') return;
    this.bye(now, 'tab');
  }

  // Whether it plays.

  /** Why playback stands although it is wanted; "" when it may play. */
  blocked() {
    if (this.presence.why) return this.presence.why;
    if (this.check) return 'check';
    if (this.must) return 'check_missed';
    if (this.hold) return 'hold';
    if (this.durableLate) return this.state === 'live' ? 'durable' : 'offline';
    return '';
  }

  /**
   * Makes the element do what it should, and tells it.
   * @param {number} now
   * @param {string} kind of the beat
   */
  sync(now, kind) {
    // What plays goes on from the buffer while the line is away; it begins only on an open seat.
    const seated = Boolean(this.seat) && (this.state === 'live' || this.playing);
    const should = this.want && seated && !this.blocked();
    if (should === this.playing) return;
    this.playing = should; // first, so that the element's own events are known to be ours
    if (should) {
      this.ended = false;
      this.collector.open(this.port.look().pos, now);
      this.tell(now, kind === 'show' ? 'show' : 'play');
      this.port.play();
    } else {
      this.port.pause();
      this.observe(now);
      this.collector.close();
      if (this.state === 'live') this.tell(now, kind === '' || kind === 'play' || kind === 'show' ? 'pause' : kind);
      else this.shelve();
    }
    this.port.changed();
  }

  /**
   * @param {number} now
   * @returns {boolean} true when the position jumped
   */
  observe(now) {
    const look = this.port.look();
    const jumped = this.collector.look(look.pos, now, look.rate);
    if (this.collector.running && !jumped) this.furthest = Math.max(this.furthest, look.pos);
    return jumped;
  }

  // Telling it.

  /**
   * One beat for each span since the last one; the last of them is of `kind`.
   * @param {number} now
   * @param {string} kind
   * @param {number} [pos]
   * @param {boolean} [playing]
   */
  tell(now, kind, pos, playing) {
    const look = this.port.look();
    const spans = this.collector.take();
    if (this.tail && spans.length) {
      if (spans[0][0] === this.tail[1]) spans[0] = [this.tail[0], spans[0][1]];
      this.tail = null;
    }
    const head = Object.assign({ rate: look.rate, signals: this.port.signals() }, this.presence.take());
    const frames = this._framesSince(look);
    const last = Math.max(0, spans.length - 1);
    for (let index = 0; index <= last; index += 1) {
      const span = spans[index] || null;
      const final = index === last;
      const end = pos === undefined ? look.pos : pos;
      this.outbox.put(Object.assign({}, head, {
        kind: final ? kind : 'seek',
        pos: final || !span ? end : span[1],
        span,
        frames: final ? frames : -1,
        playing: playing === undefined ? this.playing : playing,
      }));
    }
    this.flush(now);
  }

  /** @param {Look} look */
  _framesSince(look) {
    if (look.frames < 0) return -1;
    const frames = Math.max(0, look.frames - this.framesTold);
    this.framesTold = look.frames;
    return frames;
  }

  /** Without a line: what was played waits for the resume frame. */
  shelve() {
    const frames = Math.max(0, this._framesSince(this.port.look()));
    this.collector.take().forEach((span, index) => this.outbox.shelve(span, index ? 0 : frames));
  }

  /** @param {number} now */
  flush(now) {
    if (this.state !== 'live') return;
    this.outbox.flush(now).forEach((frame) => this.port.send(frame));
  }

  /**
   * @param {string} check
   * @param {string} state open, closed, no_camera, declined
   * @param {string} [why]
   */
  sheet(check, state, why) {
    if (this.state === 'live') this.port.send({ t: 'sheet', check, state, why: why || '' });
  }

  // What the line wants.

  /** @override @param {number} now */
  resumeFrame(now) {
    this.observe(now);
    this.shelve();
    const held = this.outbox.unstored();
    const pos = this.restored && !this.playing ? this.restored.pos : this.port.look().pos;
    this.resumedAt = this.playing ? pos : -1;
    return {
      t: 'resume', v: PROTOCOL_VERSION, token: this.seat.token, fence: this.seat.fence,
      pos, spans: held.spans, frames: held.frames,
    };
  }

  /** @override @param {number} now */
  cut(now) {
    this.observe(now);
    this.shelve();
    this.keep(this.playing);
  }

  /** @override @param {number} now */
  stop(now) {
    this.want = false;
    if (this.check) this.port.check(null);
    this.check = null;
    this.must = false;
    this.hold = null;
    this.durableLate = false;
    this.sync(now, '');
  }

  /** @override */
  forget() {
    this.tail = null;
    this.collector.take();
    this.outbox.clear();
  }

  /**
   * Saves what a reload of this page needs to go on.
   * @param {boolean} playing
   */
  keep(playing) {
    if (!this.seat || !this.seat.token || this.restored) return;
    const held = this.outbox.unstored();
    const run = this.collector;
    /** @type {Span[]} */
    const spans = run.running && run.last > run.from ? held.spans.concat([[run.from, run.last]]) : held.spans;
    this.port.save({
      url: this.url, token: this.seat.token, fence: this.seat.fence, pos: this.port.look().pos,
      spans: normalise(spans), frames: held.frames, playing,
    });
  }
}
