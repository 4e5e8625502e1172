/** One mounted lesson: wires the machines to the browser and draws what they say. */

import { Client } from './core/client.js';
import { clock as clockText, fill } from './core/format.js';
import { createChecking } from './checking.js';
import { fetchTicket } from './dom/api.js';
import { now, startClock } from './dom/clock.js';
import { Film } from './film.js';
import { signals, watchPresence } from './dom/presence.js';
import { createSocket } from './dom/socket.js';
import { isReload, keep, kept, newPageId } from './dom/store.js';
import { createTabs } from './dom/tabs.js';
import { button, say } from './ui/dom.js';
import { createProgress } from './ui/progress.js';
import { createSheets } from './ui/sheets.js';
import { buildStage, loadControls, takeWishes } from './ui/stage.js';
import { describe, sheetFor } from './ui/status.js';
import { isEnglish } from './words.js';

/**
 * @typedef {object} Config
 * @property {number} lesson_id
 * @property {number} [duration_ms]
 * @property {string} [poster]
 * @property {string} [csrf]
 * @property {string} [ticket_url]
 * @property {boolean} [host] started by a host's ticket, without a cookie
 * @property {string} [ticket] of the host; used up by the first start
 * @property {() => Promise<string>} [renew] fetches another ticket of the host
 * @property {import('./core/intervals.js').Span[]} [covered]
 * @property {number} [total_ms]
 * @property {string} [lang]
 * @property {string} [record_url]
 * @property {string} [back_url]
 * @property {{hls: string, mediaChrome: string}} [vendor]
 */
/** @typedef {{stage: HTMLElement, status: HTMLElement, progress: HTMLElement, sheets: HTMLElement}} Places */

/** Address of the folder of this module, with a slash at its end. */
export const base = import.meta.url.replace(/[^/]*$/, '');

export class Lesson {
  /**
   * @param {Config} config
   * @param {Places} places
   * @param {(name: string, detail: object) => void} emit
   * @param {Object<string, string>} words
   */
  constructor(config, places, emit, words) {
    this.config = config;
    this.places = places;
    this.emit = emit;
    this.words = words;
    this.pageId = newPageId();
    this.refusal = '';
    this.capSeen = false;
    this.capped = false;
    this.drawing = false;
    this.told = '';
    /** @type {Array<() => void>} */
    this.offs = [];
    const text = (/** @type {any} */ key) => this.text(key);
    if (!places.stage.id) places.stage.id = 'zx-stage';
    this.client = new Client(this._port());
    this.client.total = config.total_ms || 0;
    this.client.covered = config.covered || [];
    this.film = new Film(this.client, (config.vendor || { hls: '' }).hls, {
      word: (key) => this.stage.word(this.text(key)), changed: () => this._changed(), press: () => this.press(),
    });
    this.film.duration = config.duration_ms || 0;
    this.stage = buildStage(places.stage, this.film.video, {
      poster: config.poster || '', lang: isEnglish(config.lang) ? 'en' : 'zh', text,
    });
    this.sheets = createSheets(this.stage.over);
    this.progress = createProgress(places.progress, (percent, count) => fill(text('progress'), { percent, count }));
    this.socket = createSocket({
      opened: () => this.client.socketOpened(now()),
      frame: (frame) => this._frame(frame),
      closed: (code) => this.client.socketClosed(now(), code),
    });
    this.checking = createChecking(places.sheets, this.client, {
      text, english: isEnglish(config.lang), opened: () => this.stage.leaveFull(), changed: () => this._changed(),
      learn: (more) => {
        Object.assign(words, more);
        this._changed();
      },
    });
    this.tabs = createTabs(() => this.client.yieldToTab(now()));
  }

  async start() {
    const config = this.config;
    this._listen();
    const vendor = config.vendor || { hls: '', mediaChrome: '' };
    const controls = await loadControls(vendor.mediaChrome, isEnglish(config.lang) ? 'en' : 'zh');
    // Without our controls there are none at all rather than those that seek: the big button and the keyboard stay.
    this.places.stage.classList.toggle('zx-bare', !controls);
    this._goOn();
  }

  // Wiring.

  /** @returns {import('./core/line.js').Port} */
  _port() {
    return {
      look: () => this.film.look(),
      random: Math.random,
      signals,
      dial: (url) => this.socket.dial(url),
      send: (frame) => this.socket.send(frame),
      hangup: () => this.socket.hangup(),
      fetchTicket: () => {
        this._fetchTicket();
      },
      play: () => this.film.play(),
      pause: () => this.film.video.pause(),
      seek: (ms) => this.film.seekTo(ms),
      save: (saved) => keep(this.config.lesson_id, saved && Object.assign({ media: this.film.url }, saved)),
      check: (push) => {
        this.checking.pending(push);
      },
      verdict: (frame) => this.checking.verdict(frame),
      notice: (key) => this.stage.word(this.text(key)),
      changed: () => this._changed(),
    };
  }

  /** @param {any} frame */
  _frame(frame) {
    if (frame.t === 'welcome') this.film.duration = frame.duration_ms;
    this.client.frame(now(), frame);
    this.emit(frame.t, frame);
  }

  _listen() {
    const client = this.client;
    takeWishes(this.places.stage, {
      play: () => {
        this.press();
      },
      pause: () => client.pause(now()),
      seek: (ms) => this.film.maySeek(ms),
      rate: (permille) => this.film.mayRate(permille),
      full: () => this._full(),
    });
    this.stage.play.addEventListener('click', () => {
      this.press();
    });
    this.offs.push(startClock(base, () => this._tick()));
    this.offs.push(watchPresence(this.film.video, {
      change: (change) => client.presenceChanged(now(), change),
      leave: () => client.leave(now()),
      back: () => client.dropLineIfSeated(now()),
      online: () => client.online(now()),
    }));
  }

  // After a reload.

  async _goOn() {
    const saved = kept(this.config.lesson_id);
    if (!saved || this.config.ticket || !isReload()) {
      this._changed();
      return;
    }
    if (!(await this.tabs.take(false))) {
      this._changed();
      return;
    }
    this.film.source(/** @type {any} */ (saved).media || '');
    this.client.restore(now(), saved, saved.playing, false);
  }

  // The learner.

  /** Any of the buttons that mean "study here". */
  async press() {
    const client = this.client;
    const idle = client.state === 'idle' || client.state === 'parked';
    // Within the gesture: phones let an element play later only if it was loaded by a tap.
    if (!this.film.url) this.film.video.load();
    if (idle && !(await this.tabs.take(client.trouble === 'tab'))) {
      client.trouble = 'tab';
      this._changed();
      return;
    }
    const saved = client.state === 'idle' && !this.config.ticket ? kept(this.config.lesson_id) : null;
    if (saved) {
      this.film.source(/** @type {any} */ (saved).media || '');
      client.restore(now(), saved, true, true);
    } else client.press(now());
  }

  async _fetchTicket() {
    const config = this.config;
    /** @type {{ok: boolean, why: string, words: string, body: any}} */
    let answer;
    if (config.host) {
      const ticket = config.ticket || (config.renew ? await config.renew().catch(() => '') : '');
      answer = ticket ? await fetchTicket(config.ticket_url || '', '', this.pageId, ticket)
        : { ok: false, why: 'login', words: this.text('host_again'), body: null };
      if (answer.why !== 'offline') config.ticket = '';
    } else answer = await fetchTicket(config.ticket_url || '', config.csrf || '', this.pageId);
    this.refusal = answer.words;
    if (answer.ok) {
      this.film.source(answer.body.media);
      if (config.host) this._named(answer.body);
      this.client.ticket(now(), answer.body);
    } else {
      this.client.ticketFailed(now(), answer.why);
      if (answer.why !== 'offline') this.tabs.release();
    }
  }

  /** An embedded page learns from the ticket's answer what it plays. @param {any} answer */
  _named(answer) {
    const heading = document.querySelector('main h1');
    if (heading && !heading.textContent) heading.textContent = document.title = answer.title || '';
  }

  /** @returns {boolean} done here */
  _full() {
    const stage = this.places.stage;
    if (/** @type {any} */ (stage).requestFullscreen && document.fullscreenEnabled) return false;
    this.stage.toggleWebFull();
    return true;
  }

  // Time and drawing.

  _tick() {
    const at = now();
    this.client.tick(at);
    this.checking.tick(at);
    if (this.client.playing) this._drawProgress();
  }

  /** Many changes in one turn are drawn once. */
  _changed() {
    if (this.drawing) return;
    this.drawing = true;
    Promise.resolve().then(() => {
      this.drawing = false;
      this._draw();
    });
  }

  _draw() {
    const view = this.client.view();
    const text = (/** @type {string} */ key) => this.text(key);
    const said = describe(view, text, this.film.duration);
    const status = this.places.status;
    status.dataset.state = said.state;
    status.dataset.why = said.why;
    status.dataset.totalMs = String(view.total);
    status.dataset.seq = String(view.ack);
    const line = /** @type {HTMLElement} */ (status.firstElementChild || status.appendChild(document.createElement('span')));
    if (!status.firstElementChild || status.childNodes[0] !== line) {
      status.textContent = '';
      status.appendChild(line);
    }
    say(line, said.text);
    this._gap(status, said.gap);
    // The word stays until it was read: the beat of the pause itself has another reason.
    this.capped = !this.capSeen && (this.capped || view.why === 'daily_cap');
    const capped = this.capped;
    if (capped && this.client.playing) this.client.pause(now());
    this.sheets.show(this.film.broken ? this._brokenSheet() : sheetFor(view, text, this._actions(capped)));
    const stands = !view.playing && !(view.want && view.state === 'live') && view.state !== 'ticket';
    this.places.stage.classList.toggle('zx-standing', stands && !this.stage.over.firstChild);
    this.places.stage.classList.toggle('zx-busy', view.want && !view.playing && view.state !== 'live');
    this.checking.draw();
    this._drawProgress();
    if (said.state !== this.told) {
      this.told = said.state;
      this.emit('state', { state: said.state, why: said.why, total_ms: view.total });
    }
    if (view.state === 'parked' || view.state === 'over') this.tabs.release();
  }

  /** @param {boolean} capped */
  _actions(capped) {
    return {
      capped,
      press: () => this.press(),
      takeTab: () => {
        this.client.trouble = 'tab';
        this.press();
      },
      reload: () => window.location.reload(),
      retry: () => this.client.press(now()),
      capSeen: () => {
        this.capSeen = true;
        this.press();
      },
      loginUrl: this.config.host ? '' : `/login?next=${encodeURIComponent(window.location.pathname)}`,
      recordUrl: this.config.record_url || '',
      backUrl: this.config.back_url || '',
      words: this.refusal,
    };
  }

  _brokenSheet() {
    return {
      name: 'pause', key: 'media', title: this.text('media_title'), text: this.text('media_text'), loud: true,
      act: {
        act: 'retry', label: this.text('keeps_act'), press: () => {
          this.film.again();
          this.press();
        },
      },
    };
  }

  /** @param {HTMLElement} status @param {number} gap */
  _gap(status, gap) {
    const there = status.querySelector('button');
    if (there && gap < 0) there.remove();
    if (there || gap < 0) return;
    status.appendChild(button('fill', this.text('rest_act'), () => {
      const view = describe(this.client.view(), (key) => this.text(key), this.film.duration);
      this.client.seeked(now(), view.gap);
      this.film.seekTo(view.gap);
      this.press();
    }));
  }

  _drawProgress() {
    const view = this.client.view();
    this.progress.draw(view.covered, view.counting && view.earns ? view.running : null, this.film.look().pos, this.film.duration);
    this.places.progress.title = fill(this.text('position'), { at: clockText(this.film.look().pos) });
  }

  /** @param {string} key @returns {string} */
  text(key) {
    return this.words[key] || key;
  }

  destroy() {
    this.client.bye(now(), 'left');
    this.checking.close();
    this.tabs.close();
    this.offs.forEach((off) => off());
    this.film.unload();
    this.stage.leaveFull();
    [this.places.stage, this.places.progress, this.places.sheets].forEach((place) => {
      place.textContent = '';
    });
  }
}

function linkStyles() {
  if (document.querySelector('link[href*="player.css"]')) return;
  const link = document.createElement('link');
  link.rel = 'stylesheet';
  link.href = `${base}player.css`;
  document.head.appendChild(link);
}

/**
 * @param {Config} config
 * @param {Places} places
 * @param {(name: string, detail: object) => void} events
 * @param {Object<string, string>} words
 */
export function open(config, places, events, words) {
  linkStyles();
  places.status.textContent = '';
  places.status.classList.add('zx-status');
  places.progress.classList.add('zx-progress');
  const lesson = new Lesson(config, places, events, words);
  lesson.start();
  return lesson;
}
