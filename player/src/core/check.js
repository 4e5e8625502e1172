/**
 * One check of the person as the learner meets it: ask, camera, a burst of frames, upload, result, the next try; or
 * the way without a face, whose form is a room of its own.
 *
 * No DOM: pictures are opaque, the port takes them and sends them. The server decides everything, also the way; this
 * only keeps one burst the same however often its upload is repeated.
 */

import { Burst } from './burst.js';
import { Coach } from './coach.js';

const RETRY_MS = [500, 1000, 2000, 4000];
const SLOW_MS = 8000;
const TROUBLES = ['denied', 'in_use', 'none', 'black', 'frozen', 'unsupported'];
const SEEING = ['camera', 'ready', 'shooting'];
export const BUSY = SEEING.concat('sending', 'judging');

/** @typedef {'none'|'ask'|'camera'|'ready'|'shooting'|'sending'|'judging'|'again'|'other'|'code'|'result'} Stage */
/**
 * @typedef {object} CheckPort
 * @property {() => void} openCamera answer with `cameraReady` or `cameraFailed`
 * @property {() => void} closeCamera
 * @property {() => void} grab answer with `grabbed`
 * @property {(check: any, burst: {frames: any[], shots: Array<[number, number]>, source: string}) => void} upload
 *   answer with `uploaded`
 * @property {(check: string, state: string, why?: string) => void} sheet tells the server
 * @property {(check: any, left: number) => import('./burst.js').Step[]|null} plan of the burst, for what is left of the
 *   window in ms; null while it is not known yet
 * @property {() => void} changed
 */

export class Check {
  /** @param {CheckPort} port */
  constructor(port) {
    this.port = port;
    /** @type {Stage} */
    this.stage = 'none';
    /** @type {any} */
    this.push = null;
    this.deadline = 0;
    this.window = 0;
    this.stoodAt = 0; // the ring stands still: the line is down, or a burst waits for its verdict
    this.why = ''; // of the camera, of the upload or of the verdict: a key of the texts
    this.outcome = '';
    this.enrolled = false;
    this.coach = new Coach();
    /** @type {Burst|null} */
    this.burst = null;
    /** @type {any[]} */
    this.frames = [];
    /** @type {Array<[number, number]>} */
    this.shots = [];
    this.source = 'camera';
    this.accepted = false;
    this.declined = ''; // why, told already; told again after a reconnect, the line may have swallowed it
    this.nextAt = 0;
    this.retries = 0;
    this.sentAt = 0;
    this.cameraOn = false;
    this.goOn = true;
  }

  get way() {
    return (this.push && this.push.way) || 'routine';
  }

  /**
   * A check is pending: new, or again after a reconnect, or to be answered in another way from now on. `null`: there
   * is none any more.
   * @param {number} now
   * @param {any} push
   * @param {boolean} eager the camera may be opened without asking
   */
  pending(now, push, eager) {
    if (!push) {
      if (this.stage !== 'result') this.close();
      return;
    }
    const same = Boolean(this.push) && this.push.id === push.id;
    const before = this.way;
    const sameTry = same && this.push.try_number === push.try_number && before === (push.way || 'routine');
    this.push = push;
    this.deadline = now + push.left_ms;
    this.window = Math.max(same ? this.window : 0, push.left_ms, 1);
    this.stoodAt = 0;
    if (push.judging) this._waits(now);
    else if (sameTry && this.stage !== 'none' && this.stage !== 'result') this._again(now);
    else this._begin(now, same, before, eager);
    this.port.changed();
  }

  /**
   * A new check, or a new try of one that is open.
   * @param {number} now
   * @param {boolean} same
   * @param {string} before the way until now
   * @param {boolean} eager
   */
  _begin(now, same, before, eager) {
    const eased = same && this.declined === 'cannot_act' && this.way === 'routine';
    this._drop();
    this.why = same && before === this.way ? this.why : '';
    if (!same) this.port.sheet(this.push.id, 'open');
    if (this.way === 'code') this._form();
    else {
      this.stage = same ? 'again' : 'ask';
      // Who could not do a movement has started already, and has nothing to read anew.
      if (eased || (!same && eager)) this.start(now);
    }
  }

  /** The form of the way without a face: no camera runs behind it. */
  _form() {
    this._release();
    this.stage = 'code';
  }

  /** The same answer is wanted again: what was sent is sent once more, under the new ticket. @param {number} now */
  _again(now) {
    if (this.stage === 'sending') this._send(now);
    else if (this.stage !== 'judging') return;
    else if (this.declined) this.decline(this.declined);
    else if (this.way === 'code' && !this.accepted) this.stage = 'code';
    else {
      this.stoodAt = now;
      this._send(now);
    }
  }

  /** The burst was taken, perhaps from an earlier load of this page: its verdict comes. @param {number} now */
  _waits(now) {
    this._drop();
    this.accepted = true;
    this.why = '';
    this.stage = 'judging';
    this.stoodAt = this.sentAt = now;
  }

  _drop() {
    this.burst = null;
    this.frames = [];
    this.shots = [];
    this.declined = '';
    this.accepted = false;
    this.retries = 0;
  }

  // The learner.

  /** "Start", and "try again". @param {number} now */
  start(now) {
    if (!this.push || BUSY.indexOf(this.stage) >= 0) return;
    this._drop();
    this.why = '';
    this.source = 'camera';
    if (this.cameraOn) this.cameraReady(now);
    else {
      this.stage = 'camera';
      this.port.openCamera();
    }
    this.port.changed();
  }

  /**
   * A picture taken with the phone's own camera application.
   * @param {number} now
   * @param {any[]} files
   */
  picked(now, files) {
    if (!this.push || !files.length) return;
    this._drop();
    this.frames = files.slice(0, 8);
    this.source = 'file';
    this._burst(now);
  }

  /**
   * "Another way", and "I cannot do this movement": the server answers with another way for the same check, or a
   * person shall look.
   * @param {string} [why] cannot_act keeps the camera
   */
  decline(why) {
    if (!this.push || this.accepted) return;
    const trouble = this.cameraWhy;
    if (why !== 'cannot_act') this._release();
    this._drop();
    this.declined = why || trouble || 'other_way';
    if (trouble) this.port.sheet(this.push.id, 'no_camera', trouble);
    this.port.sheet(this.push.id, 'declined', this.declined);
    this.stage = 'judging';
    this.sentAt = Infinity;
    this.port.changed();
  }

  get cameraWhy() {
    return TROUBLES.indexOf(this.why) >= 0 ? this.why : '';
  }

  /**
   * The form of the way without a face was answered.
   * @param {number} now
   * @param {boolean} taken false: too late or cancelled, the word about it comes over the socket
   */
  answered(now, taken) {
    if (this.stage !== 'code') return;
    this.accepted = taken;
    this.stage = 'judging';
    this.stoodAt = this.stoodAt || now;
    this.sentAt = now;
    this.port.changed();
  }

  /** The result was read, or nothing is pending any more. */
  close() {
    this._release();
    this._drop();
    this.stage = 'none';
    this.push = null;
    this.why = this.outcome = '';
    this.port.changed();
  }

  // The camera.

  /** @param {number} now */
  cameraReady(now) {
    if (!this.push) {
      this.port.closeCamera();
      return;
    }
    this.cameraOn = true;
    this.stage = 'ready';
    this.coach.begin(now, this.left(now));
    this.port.changed();
  }

  /** @param {string} why denied, in_use, none, black, frozen, unsupported */
  cameraFailed(why) {
    // A picture that was on its way when another way was chosen.
    if (SEEING.indexOf(this.stage) < 0) return;
    this._release();
    this._drop();
    this.why = why;
    this.stage = 'other';
    this.port.changed();
  }

  _release() {
    if (this.cameraOn || this.stage === 'camera') this.port.closeCamera();
    this.cameraOn = false;
  }

  /**
   * What the mirror shows, while the coach still advises.
   * @param {number} now
   * @param {import('./coach.js').Sight|null} sight
   */
  seen(now, sight) {
    if (this.stage === 'ready' && sight && this.coach.seen(now, sight)) this.port.changed();
  }

  /**
   * @param {number} now
   * @param {any} frame null when the camera gave none
   */
  grabbed(now, frame) {
    if (this.stage !== 'shooting' || !this.burst) return;
    if (!frame) {
      this.cameraFailed('frozen');
      return;
    }
    this.burst.took(frame);
    this._shoot(now);
    this.port.changed();
  }

  /** @param {number} now */
  _shoot(now) {
    const burst = /** @type {Burst} */ (this.burst);
    const next = burst.tick(now);
    if (next === 'grab') this.port.grab();
    else if (next === 'step') this.port.changed();
    else if (next === 'done') {
      this.frames = burst.frames;
      this.shots = burst.shots;
      this._burst(now);
    }
  }

  // The upload.

  /** @param {number} now */
  _burst(now) {
    this.why = '';
    this.retries = 0;
    this._send(now);
  }

  /** @param {number} now */
  _send(now) {
    this.stage = this.accepted ? 'judging' : 'sending';
    this.sentAt = now;
    this.nextAt = Infinity;
    if (!this.accepted && this.frames.length) {
      this.port.upload(this.push, { frames: this.frames, shots: this.shots, source: this.source });
    }
    this.port.changed();
  }

  /**
   * @param {number} now
   * @param {number} status of the HTTP answer; 0: none
   * @param {string} code of the error
   */
  uploaded(now, status, code) {
    if (this.stage !== 'sending') return;
    if (status === 202 || status === 200 || (status === 409 && code === 'judged')) {
      this.accepted = true;
      this.stage = 'judging';
      this.stoodAt = this.stoodAt || now;
      this.sentAt = now;
    } else if (status === 409 || status === 410 || status === 403) {
      // Closed, cancelled or too late: the word about it comes over the socket.
      this.stage = 'judging';
      this.sentAt = now;
    } else if (status === 400 || status === 413 || status === 415) {
      this._drop();
      this.why = 'bad_picture';
      this.stage = 'again';
    } else {
      this.nextAt = now + RETRY_MS[Math.min(this.retries, RETRY_MS.length - 1)];
      this.retries += 1;
      this.why = 'sending_again';
    }
    this.port.changed();
  }

  /**
   * @param {number} now
   * @param {any} frame a verdict push
   */
  verdict(now, frame) {
    if (!this.push || frame.check !== this.push.id) return;
    this.why = frame.detail;
    this.outcome = frame.outcome;
    this.enrolled = Boolean(frame.enrolled);
    this._drop();
    if (frame.decided) {
      this._release();
      this.stage = 'result';
      this.sentAt = now;
      this.goOn = frame.go_on;
    } else if (frame.next) {
      this.push = frame.next;
      this.deadline = now + frame.next.left_ms;
      this.window = Math.max(this.window, frame.next.left_ms);
      if (this.way === 'code') this._form();
      else this.stage = 'again';
    }
    this.stoodAt = 0;
    this.port.changed();
  }

  // Time.

  /**
   * @param {number} now
   * @param {boolean} live whether the line is open: without it the window stands still
   */
  tick(now, live) {
    if (!this.push) return;
    if (!live && !this.stoodAt) this.stoodAt = now;
    const plan = this.stage === 'ready' && this.coach.lets(now) && this.port.plan(this.push, this.left(now));
    if (plan) {
      this.burst = new Burst(plan, now);
      this.stage = 'shooting';
      this.port.changed();
    }
    if (this.stage === 'shooting') this._shoot(now);
    else if (this.stage === 'sending' && now >= this.nextAt) this._send(now);
  }

  /** What is left of the window, in ms. @param {number} now */
  left(now) {
    return Math.max(0, this.deadline - (this.stoodAt || now));
  }

  /** @param {number} now */
  slow(now) {
    return this.stage === 'judging' && now - this.sentAt > SLOW_MS;
  }
}
