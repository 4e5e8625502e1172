/**
 * The way without a face: a one-time code to the registered phone and a question about the lesson.
 *
 * No DOM. What the server answers is `{status, code, words, body}` (`dom/code.js`); status 0: no answer. A fault of
 * ours costs nothing: what was typed stays, and the page says that it can be sent again.
 */

const AGAIN_MS = 2000;
const RESEND_S = 60; // where the server names no time
const OVER = ['cancelled', 'closed', 'late', 'unknown', 'judged', 'ticket_invalid', 'ticket_expired'];

/** @typedef {{status: number, code: string, words: string, body: any}} Answer */
/**
 * @typedef {object} CodePort
 * @property {() => number} now
 * @property {(push: any, body: object|null) => Promise<Answer>} ask null: how it stands
 * @property {(taken: boolean) => void} answered
 * @property {() => void} changed
 */

/** What people type as digits: full width and with spaces. @param {string} typed */
export function digits(typed) {
  return typed.replace(/[０-９]/g, (one) => String.fromCharCode(one.charCodeAt(0) - 0xFEE0)).replace(/\D/g, '');
}

/** @param {Answer} answer */
function taken(answer) {
  return answer.status === 200 || answer.status === 202;
}

export class CodeWay {
  /** @param {CodePort} port */
  constructor(port) {
    this.port = port;
    /** @type {any} */
    this.push = null;
    /** @type {'loading'|'lost'|'open'} */
    this.state = 'loading';
    this.phone = '';
    this.question = '';
    /** @type {string[]} */
    this.choices = [];
    this.sent = false;
    this.resendAt = 0;
    this.againAt = Infinity;
    this.busy = ''; // send or submit
    this.error = ''; // a key of the texts
    this.words = ''; // of the server, instead
    this.field = ''; // where the fault is: code, answer or ""
  }

  /**
   * The form is shown for this check; after a reconnect the same one, with a new ticket.
   * @param {any} push
   * @param {string} why the word on the try before
   * @returns {boolean} another try
   */
  open(push, why) {
    const known = this.push;
    this.push = push;
    if (known && known.id === push.id && known.try_number === push.try_number) return false;
    this.state = 'loading';
    this.busy = '';
    this._says(known && known.id === push.id ? why || 'try_again' : '', '');
    this.load();
    return true;
  }

  async load() {
    this.againAt = Infinity;
    const push = this.push;
    const answer = await this.port.ask(push, null);
    if (this.push.id !== push.id) return;
    if (answer.status === 200) {
      this.state = 'open';
      this._stands(answer.body);
    } else if (OVER.indexOf(answer.code) >= 0) this.port.answered(false);
    else {
      this.state = 'lost';
      this.againAt = this.port.now() + AGAIN_MS;
    }
    this.port.changed();
  }

  /** @param {any} body */
  _stands(body) {
    this.phone = body.phone || '';
    this.question = body.question || '';
    this.choices = body.choices || [];
    this.sent = Boolean(body.sent);
    const wait = body.resend_after_s;
    this.resendAt = this.sent ? this.port.now() + 1000 * (wait === undefined ? RESEND_S : wait) : 0;
  }

  /** Seconds until another code may be asked for. */
  get wait() {
    return Math.max(0, Math.ceil((this.resendAt - this.port.now()) / 1000));
  }

  async send() {
    if (this.busy || this.wait) return;
    const answer = await this._ask('send', { send: true });
    if (!answer) return;
    if (taken(answer)) this._stands(Object.assign({}, this, answer.body, { sent: true }));
    else this._refused(answer, 'not_sent', '');
    this.port.changed();
  }

  /**
   * @param {string} typed
   * @param {number} answer index of the choice, -1: none chosen
   */
  async submit(typed, answer) {
    if (this.busy) return;
    const code = digits(typed);
    if (!code) this._says(this.sent ? 'code_missing' : 'code_first', 'code');
    else if (this.choices.length && answer < 0) this._says('answer_missing', 'answer');
    else {
      const said = await this._ask('submit', this.choices.length ? { code, answer } : { code });
      if (!said) return;
      if (taken(said)) this.port.answered(true);
      else this._refused(said, 'not_taken', 'code');
    }
    this.port.changed();
  }

  /**
   * @param {string} busy
   * @param {object} body
   * @returns {Promise<Answer|null>} null: nobody waits for it any more
   */
  async _ask(busy, body) {
    const push = this.push;
    this.busy = busy;
    this._says('', '');
    this.port.changed();
    const answer = await this.port.ask(push, body);
    if (this.push.id !== push.id || this.push.try_number !== push.try_number) return null;
    this.busy = '';
    return answer;
  }

  /** @param {Answer} answer @param {string} key @param {string} field */
  _refused(answer, key, field) {
    if (OVER.indexOf(answer.code) >= 0) this.port.answered(answer.code === 'judged');
    else {
      const ours = !answer.status || answer.status >= 500;
      this._says(!answer.status ? 'offline' : ours ? 'ours' : key, ours ? '' : field);
      this.words = answer.words;
    }
  }

  /** @param {string} key @param {string} field */
  _says(key, field) {
    this.error = key;
    this.words = '';
    this.field = field;
  }

  /** @param {number} now */
  tick(now) {
    if (this.push && now >= this.againAt) this.load();
  }
}
