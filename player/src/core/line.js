/**
 * How the socket comes and goes: tickets, dialling, back-off, close codes. What is said on it is in `client.js`.
 */

/** @typedef {import('./intervals.js').Span} Span */
/** @typedef {{pos: number, frames: number, rate: number}} Look position (ms), presented frames so far or -1, permille */
/**
 * @typedef {object} Port what the machine uses of the world
 * @property {() => Look} look
 * @property {() => number} random
 * @property {() => string[]} signals
 * @property {(url: string) => void} dial closes whatever was open
 * @property {(frame: object) => void} send
 * @property {() => void} hangup
 * @property {() => void} fetchTicket answer with `ticket` or `ticketFailed`
 * @property {() => void} play
 * @property {() => void} pause
 * @property {(ms: number) => void} seek
 * @property {(saved: Saved|null) => void} save
 * @property {(push: any) => void} check a check is pending (null: no longer)
 * @property {(frame: any) => void} verdict
 * @property {(key: string) => void} notice a short word to the learner
 * @property {() => void} changed
 */
/**
 * @typedef {object} Saved what a reload needs to go on
 * @property {string} url
 * @property {string} token
 * @property {number} fence
 * @property {number} pos
 * @property {Span[]} spans
 * @property {number} frames
 * @property {boolean} playing
 */
/** @typedef {'idle'|'ticket'|'dialing'|'opening'|'live'|'waiting'|'parked'|'over'} State */

export const PROTOCOL_VERSION = 1;
export const CLOSE_TICKET = 4006;
const TICKETS_MAX = 3;
const PRESS_MS = 30000; // a lease lives as long: who sits elsewhere after that is not thrown out by an old press
const WELCOME_MS = 3000;
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

export class Line {
  /** @param {Port} port */
  constructor(port) {
    this.port = port;
    /** @type {State} */
    this.state = 'idle';
    /** @type {any} */
    this.seat = null; // the newest welcome, or what a reload saved of it
    /** @type {Saved|null} */
    this.restored = null;
    this.url = '';
    /** @type {any} */
    this.first = null; // the start frame; null: resume
    this.pressedAt = -Infinity; // when the learner asked for the seat of before a reload: it may be taken anew
    this.attempt = 0;
    this.tickets = 0;
    this.dueAt = 0; // of the redial, or of losing patience
    this.drainAt = 0;
    this.handedAt = 0; // when this page handed over; 0: it did not
    this.trouble = '';
    /** @type {any} */
    this.lost = null; // the server's last word before it closed
    this.closeCode = 0;
  }

  // What the subclass says.

  /**
   * @param {number} _now
   * @returns {object}
   */
  resumeFrame(_now) {
    throw new Error('resumeFrame');
  }

  /**
   * The line is gone for now; playback may go on from the buffer.
   * @param {number} _now
   */
  cut(_now) {}

  /**
   * Playback stops until the learner acts, or for good.
   * @param {number} _now
   */
  stop(_now) {}

  /** Nothing of the seat before is kept. */
  forget() {}

  /** A press of play without a seat. */
  begin() {
    this.handedAt = 0;
    this.lost = null;
    this.trouble = '';
    this.closeCode = 0;
    this.attempt = this.tickets = 0;
    this._askTicket();
  }

  _askTicket() {
    this.state = 'ticket';
    this.seat = null;
    this.restored = null;
    this.forget();
    this.tickets += 1;
    this.port.fetchTicket();
    this.port.changed();
  }

  /**
   * @param {number} now
   * @param {{ticket: string, ws: string}} answer
   */
  ticket(now, answer) {
    if (this.state !== 'ticket') return;
    this.url = answer.ws;
    this.first = { t: 'start', v: PROTOCOL_VERSION, ticket: answer.ticket };
    this._dial(now);
  }

  /**
   * @param {number} now
   * @param {string} why offline, login, refused
   */
  ticketFailed(now, why) {
    if (this.state !== 'ticket') return;
    if (why === 'offline') {
      this.wait(now);
      return;
    }
    if (why === 'login') this.park(now, 'login_ended');
    else this.finish(now, why);
  }

  /** @param {number} now */
  _dial(now) {
    this.state = 'dialing';
    this.dueAt = now + patience(this.attempt);
    this.port.dial(this.url);
    this.port.changed();
  }

  /** @param {number} now */
  redial(now) {
    if (!this.seat) {
      this._askTicket();
      return;
    }
    this.first = null; // built when the socket is open: until then media may be added
    this._dial(now);
  }

  /** @param {number} now */
  socketOpened(now) {
    if (this.state !== 'dialing') return;
    this.state = 'opening';
    this.port.send(this.first || this.resumeFrame(now));
    this.port.changed();
  }

  /**
   * @param {number} now
   * @param {number} code
   */
  socketClosed(now, code) {
    if (this.state !== 'dialing' && this.state !== 'opening' && this.state !== 'live') return;
    this.cut(now);
    this.closeCode = code;
    const kind = this.handedAt ? 'user' : meaning(code);
    if (kind === 'final') this.finish(now, '');
    else if (kind === 'user') this._closedForUser(now);
    else if (code === CLOSE_TICKET) this._ticketRefused(now);
    else this.wait(now);
  }

  /** @param {number} now */
  _closedForUser(now) {
    // Somebody pressed play after a reload, and the old seat is gone: a press may take over, but not long after.
    if (now - this.pressedAt < PRESS_MS && !this.first) this._askTicket();
    else this.park(now, '');
  }

  /** @param {number} now */
  _ticketRefused(now) {
    if (!this.first) this.park(now, 'resume_expired');
    else if (this.tickets < TICKETS_MAX) this._askTicket();
    else this.wait(now);
  }

  /** @param {number} now */
  wait(now) {
    this.state = 'waiting';
    this.dueAt = now + (this.drainAt ? Math.max(0, this.drainAt - now) : delay(this.attempt, this.port.random));
    this.drainAt = 0;
    this.attempt += 1;
    this.port.changed();
  }

  /**
   * Only the learner can go on from here.
   * @param {number} now
   * @param {string} why
   */
  park(now, why) {
    this.state = 'parked';
    this._end(now, why);
  }

  /**
   * @param {number} now
   * @param {string} why
   */
  finish(now, why) {
    this.state = 'over';
    this._end(now, why);
  }

  /**
   * The line is back (the browser says so): do not wait for the back-off.
   * @param {number} now
   */
  online(now) {
    if (this.state === 'waiting') this.dueAt = Math.min(this.dueAt, now + Math.round(this.port.random() * 500));
  }

  /**
   * @param {number} now
   * @param {string} why
   */
  _end(now, why) {
    this.trouble = why;
    this.handedAt = 0;
    this.stop(now);
    this.forget();
    this.seat = null;
    this.port.save(null);
    this.port.changed();
  }

  /**
   * @param {number} now
   * @returns {boolean} true while there is no open seat
   */
  waited(now) {
    if (this.state === 'waiting' && now >= this.dueAt) this.redial(now);
    else if ((this.state === 'dialing' || this.state === 'opening') && now >= this.dueAt) {
      this.port.hangup();
      // A start ticket is single-use: whether it was used is not known, so another one is fetched.
      this.first = null;
      this.wait(now);
    }
    return this.state !== 'live';
  }

  /** Hangs up and dials again soon. @param {number} now */
  dropLine(now) {
    this.port.hangup();
    this.cut(now);
    this.wait(now);
  }
}
