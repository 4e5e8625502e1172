/**
 * One face check as the learner meets it: ask, camera, three frames, upload, result, the next try.
 *
 * No DOM: pictures are opaque, the port takes them and sends them. The server decides everything; this only keeps
 * one burst the same however often its upload is repeated.
 */

export const FRAMES = 3;
export const SETTLE_MS = 1500; // the learner sees the mirror and looks up, the camera finds its exposure
export const FRAME_GAP_MS = 350;
const RETRY_MS = [500, 1000, 2000, 4000];
const SLOW_MS = 8000;

/** @typedef {'none'|'ask'|'camera'|'ready'|'shooting'|'sending'|'judging'|'again'|'other'|'result'} Stage */
/**
 * @typedef {object} CheckPort
 * @property {() => void} openCamera answer with `cameraReady` or `cameraFailed`
 * @property {() => void} closeCamera
 * @property {() => void} grab answer with `grabbed`
 * @property {(check: any, frames: any[], source: string) => void} upload answer with `uploaded`
 * @property {(check: string, state: string, why?: string) => void} sheet tells the server
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
    /** @type {any[]} */
    this.frames = [];
    this.source = 'camera';
    this.accepted = false;
    this.declined = false; // told already; told again after a reconnect, the line may have swallowed it
    this.nextAt = 0;
    this.retries = 0;
    this.sentAt = 0;
    this.cameraOn = false;
    this.goOn = true;
  }

  /**
   * A check is pending: new, or again after a reconnect. `null`: there is none any more.
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
    const sameTry = same && this.push.try_number === push.try_number;
    this.push = push;
    this.deadline = now + push.left_ms;
    this.window = Math.max(same ? this.window : 0, push.left_ms, 1);
    this.stoodAt = 0;
    if (push.judging) this._waits(now);
    else if (sameTry && this.stage !== 'none' && this.stage !== 'result') this._again(now);
    else {
      this._drop();
      this.why = same ? this.why : '';
      this.stage = same ? 'again' : 'ask';
      if (!same) this.port.sheet(push.id, 'open');
      if (!same && eager) this.start(now);
    }
    this.port.changed();
  }

  /** The same burst is wanted again: what was sent is sent once more, under the new ticket. @param {number} now */
  _again(now) {
    if (this.stage === 'sending') this._send(now);
    else if (this.stage === 'judging' && this.declined) this.decline();
    else if (this.stage === 'judging') {
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
    this.frames = [];
    this.declined = false;
    this.accepted = false;
    this.retries = 0;
  }

  // The learner.

  /** "Start", and "try again". @param {number} now */
  start(now) {
    if (!this.push || ['camera', 'ready', 'shooting', 'sending', 'judging'].indexOf(this.stage) >= 0) return;
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

  /** "Another way". */
  otherWay() {
    if (!this.push || this.stage === 'sending' || this.stage === 'judging') return;
    this._release();
    this.stage = 'other';
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

  /** Neither camera nor file: a person shall look. */
  decline() {
    if (!this.push) return;
    this._release();
    this._drop();
    this.declined = true;
    if (this.cameraWhy) this.port.sheet(this.push.id, 'no_camera', this.cameraWhy);
    this.port.sheet(this.push.id, 'declined', this.cameraWhy || 'other_way');
    this.stage = 'judging';
    this.sentAt = Infinity;
    this.port.changed();
  }

  get cameraWhy() {
    const known = ['denied', 'in_use', 'none', 'black', 'frozen', 'unsupported'];
    return known.indexOf(this.why) >= 0 ? this.why : '';
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
    this.nextAt = now + SETTLE_MS;
    this.port.changed();
  }

  /** @param {string} why denied, in_use, none, black, frozen, unsupported */
  cameraFailed(why) {
    this._release();
    if (!this.push) return;
    this.why = why;
    this.stage = 'other';
    this.port.changed();
  }

  _release() {
    if (this.cameraOn || this.stage === 'camera') this.port.closeCamera();
    this.cameraOn = false;
  }

  /**
   * @param {number} now
   * @param {any} frame null when the camera gave none
   */
  grabbed(now, frame) {
    if (this.stage !== 'shooting') return;
    if (!frame) {
      this.cameraFailed('frozen');
      return;
    }
    this.frames.push(frame);
    this.nextAt = now + FRAME_GAP_MS;
    if (this.frames.length >= FRAMES) this._burst(now);
    this.port.changed();
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
    if (!this.accepted && this.frames.length) this.port.upload(this.push, this.frames, this.source);
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
      this.stage = 'again';
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
    if (this.stage === 'ready' && now >= this.nextAt) {
      this.stage = 'shooting';
      this.frames = [];
      this.nextAt = 0;
      this.port.changed();
    }
    if (this.stage === 'shooting' && now >= this.nextAt) {
      this.nextAt = Infinity;
      this.port.grab();
    } else if (this.stage === 'sending' && now >= this.nextAt) this._send(now);
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
