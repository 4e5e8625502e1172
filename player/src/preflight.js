/** The device check: playback, network and time by themselves, the camera upon a press. Nothing is uploaded. */

import { hijacks, hostOf } from './core/preflight.js';
import { fill } from './core/format.js';
import { cameraThere, createCamera } from './dom/camera.js';
import { probeCamera, probeLine, probePlayback } from './dom/probes.js';
import { button, el, say } from './ui/dom.js';
import { isEnglish } from './words.js';

/** @typedef {'wait'|'idle'|'good'|'bad'} State */
/** @typedef {{lang?: string, secure?: boolean, tls_url?: string, next?: string, state_url?: string,
 *   vendor?: {hls: string}}} Config */
/** @typedef {(key: string, values?: Object<string, string|number>) => string} Text */

const HOSTS = ['wechat', 'android', 'iphone', 'harmony', 'pc'];
const MARKS = { wait: '…', idle: '·', good: '✓', bad: '!' };

/**
 * @param {string} name playback, camera, network or time
 * @param {Text} text
 */
function createRow(name, text) {
  const badge = el('span', { class: 'zx-badge', 'aria-hidden': 'true' });
  const state = el('span', { class: 'zx-state' });
  const title = el('h2', { text: text(name) }, []);
  const word = el('p');
  const more = el('div');
  const line = el('li', { 'data-probe': name }, [badge, el('div', {}, [title, state, word, more])]);
  return {
    line, more, state: /** @type {State} */ ('wait'),
    /**
     * @param {State} next
     * @param {string} said
     * @param {Array<Node|null>} [extra]
     */
    show(next, said, extra) {
      this.state = next;
      line.dataset.state = next;
      say(badge, MARKS[next]);
      say(state, next === 'wait' ? '' : text(`state_${next}`));
      say(word, said);
      more.textContent = '';
      (extra || []).forEach((node) => node && more.appendChild(node));
    },
  };
}

/**
 * How to mend it: on this kind of device first, the others folded away.
 * @param {string} name
 * @param {Text} text
 */
function advice(name, text) {
  const mine = hostOf(navigator.userAgent);
  const item = (/** @type {string} */ host) => el('li', { text: `${text(`host_${host}`)}：${text(`fix_${name}_${host}`)}` });
  const rest = HOSTS.filter((host) => host !== mine);
  return el('div', { class: 'zx-advice' }, [
    el('ul', {}, [item(mine)]),
    el('details', {}, [el('summary', { text: text('others') }), el('ul', {}, rest.map(item))]),
  ]);
}

class Preflight {
  /** @param {HTMLElement} host @param {Config} config @param {Text} text */
  constructor(host, config, text) {
    this.config = config;
    this.text = text;
    this.rows = {
      playback: createRow('playback', text), camera: createRow('camera', text),
      network: createRow('network', text), time: createRow('time', text),
    };
    this.mirror = /** @type {HTMLVideoElement} */ (el('video', {
      playsinline: true, 'webkit-playsinline': true, muted: true, 'aria-label': text('mirror'),
    }));
    this.mirror.muted = true;
    this.camera = createCamera(this.mirror);
    this.end = el('p', { class: 'zx-end', role: 'status' });
    this.go = el('a', { class: 'zx-button zx-main', href: config.next || '/learn', text: text('go') });
    host.textContent = '';
    host.appendChild(el('ul', { class: 'zx-pre' }, this._all().map((row) => row.line)));
    host.appendChild(this.end);
    host.appendChild(this.go);
    window.addEventListener('pagehide', () => this.camera.close());
  }

  start() {
    this.checkPlayback();
    this.checkLine();
    this.offerCamera();
  }

  _all() {
    return [this.rows.playback, this.rows.camera, this.rows.network, this.rows.time];
  }

  async checkPlayback() {
    const { text } = this;
    const row = this.rows.playback;
    row.show('wait', text('waiting'));
    const why = await probePlayback((this.config.vendor || { hls: '' }).hls);
    const found = why || (hijacks(navigator.userAgent) ? 'hijacked' : '');
    if (!found) row.show('good', text('playback_good'));
    else {
      row.show('bad', text(`playback_${found}`), [found === 'tap' ? null : advice('playback', text), this._again('playback')]);
    }
    this._sum();
  }

  async checkLine() {
    const { text } = this;
    const rows = this.rows;
    rows.network.show('wait', text('waiting'));
    rows.time.show('wait', text('waiting'));
    const found = await probeLine(this.config.state_url || '/livez');
    const net = found.network;
    const said = text(net.good ? 'network_good' : `network_${net.why}`, { ms: net.ms });
    if (net.good) rows.network.show('good', said);
    else rows.network.show('bad', said, [advice('network', text), this._again('network')]);
    this._time(found.time);
    this._sum();
  }

  /** @param {{good: boolean, ahead: number}|null} time */
  _time(time) {
    const { text } = this;
    const row = this.rows.time;
    if (!time) row.show('idle', text('time_unknown'));
    else if (time.good) row.show('good', text('time_good'));
    else {
      const minutes = Math.round(Math.abs(time.ahead) / 60000);
      const span = minutes < 120 ? text('minutes', { n: minutes }) : text('hours', { n: Math.round(minutes / 60) });
      const said = text(time.ahead > 0 ? 'time_ahead' : 'time_behind', { span });
      row.show('bad', said, [el('p', { text: text('time_effect') }), advice('time', text), this._again('time')]);
    }
  }

  /** The browser asks for the permission only after the learner pressed. */
  offerCamera() {
    const { text, config } = this;
    const row = this.rows.camera;
    if (cameraThere()) {
      row.show('idle', text('camera_ask'), [button('check-camera', text('camera_act'), () => this.checkCamera(), true)]);
      return;
    }
    // Browsers hide the camera from pages without HTTPS; old hosts have none to give.
    const insecure = window.isSecureContext === undefined ? config.secure === false : !window.isSecureContext;
    const way = insecure && config.tls_url
      ? el('a', { class: 'zx-button', href: config.tls_url, text: text('camera_tls') }) : null;
    row.show('bad', text(insecure ? 'camera_insecure' : 'camera_missing'), [way, insecure ? null : advice('camera', text)]);
    this._sum();
  }

  async checkCamera() {
    const { text } = this;
    const row = this.rows.camera;
    row.show('wait', text('camera_opening'), [this.mirror]);
    const why = await probeCamera(this.camera);
    const seen = why === '' || why === 'dark' || why === 'bright' || why === 'black';
    if (!seen) this.camera.close();
    const help = why === 'denied' || why === 'unsupported' ? advice('camera', text) : null;
    row.show(why ? 'bad' : 'good', text(`camera_${why || 'good'}`), [
      seen ? this.mirror : null, help, why ? this._again('camera') : null,
    ]);
    // Moving the element stops it in some engines.
    if (seen) this.mirror.play().catch(() => {});
    this._sum();
  }

  /** @param {'playback'|'camera'|'network'|'time'} name */
  _again(name) {
    return button(`again-${name}`, this.text('again'), () => {
      if (name === 'playback') this.checkPlayback();
      else if (name === 'camera') this.checkCamera();
      else this.checkLine();
    });
  }

  _sum() {
    const states = this._all().map((row) => row.state);
    const bad = states.filter((state) => state === 'bad').length;
    if (states.indexOf('wait') >= 0) say(this.end, '');
    else if (bad) say(this.end, this.text('some_bad', { count: bad }));
    else say(this.end, states.indexOf('idle') < 0 ? this.text('all_good') : '');
  }
}

async function boot() {
  const host = document.getElementById('preflight');
  if (!host) return;
  /** @type {Config} */
  const config = JSON.parse(host.dataset.config || '{}');
  /** @type {Object<string, string>} */
  const words = isEnglish(config.lang)
    ? (await import('./core/preflight.en.js')).en : (await import('./core/preflight.zh.js')).zh;
  if (!document.querySelector('link[href*="player.css"]')) {
    const href = new URL('player.css', import.meta.url).href;
    document.head.appendChild(el('link', { rel: 'stylesheet', href }));
  }
  new Preflight(host, config, (key, values) => fill(words[key] || key, values)).start();
}

boot();
