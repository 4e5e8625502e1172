/** The face check as a bottom sheet: a round mirror, one instruction, a ring for the time, results in words. */

import { button, el, say, svg, trap } from './dom.js';
import { fill } from '../core/format.js';

const RADIUS = 92;
const ROUND = 2 * Math.PI * RADIUS;
const BUSY = ['camera', 'ready', 'shooting', 'sending', 'judging'];

/**
 * @param {HTMLElement} host
 * @param {import('../core/check.js').Check} check
 * @param {{text: (key: any) => string, opened: () => void, closed: () => void, now: () => number,
 *   files: (files: FileList) => void, live: () => boolean}} to
 */
export function createCheckSheet(host, check, to) {
  const text = to.text;
  const mirror = /** @type {HTMLVideoElement} */ (el('video', {
    playsinline: true, muted: true, 'webkit-playsinline': true, 'aria-label': text('mirror'), class: 'zx-mirror',
  }));
  mirror.muted = true;
  const arc = svg('circle', { cx: 100, cy: 100, r: RADIUS, class: 'zx-arc', 'stroke-dasharray': ROUND });
  const ring = svg('svg', { viewBox: '0 0 200 200', class: 'zx-ring', 'aria-hidden': 'true' }, [
    svg('circle', { cx: 100, cy: 100, r: RADIUS, class: 'zx-track' }), arc,
  ]);
  const mark = el('span', { class: 'zx-mark', 'aria-hidden': 'true' });
  const round = el('div', { class: 'zx-round' }, [mirror, mark, /** @type {any} */ (ring)]);
  const title = el('h2', { id: 'zx-check-title' });
  const line = el('p', { id: 'zx-check-line', class: 'zx-line-text', 'aria-live': 'assertive' });
  const more = el('p', { class: 'zx-more' });
  const left = el('p', { class: 'zx-left', 'aria-live': 'off' });
  const input = /** @type {HTMLInputElement} */ (el('input', {
    type: 'file', accept: 'image/*', capture: 'user', class: 'zx-file', tabindex: '-1', 'aria-label': text('other_file'),
  }));
  input.addEventListener('change', () => {
    if (input.files && input.files.length) to.files(input.files);
    input.value = '';
  });
  const acts = el('div', { class: 'zx-acts' });
  const box = el('div', {
    class: 'zx-check', 'data-sheet': 'check', role: 'dialog', 'aria-modal': 'true', tabindex: '-1',
    'aria-labelledby': 'zx-check-title', 'aria-describedby': 'zx-check-line',
  }, [title, round, line, more, acts, left, input]);
  const veil = el('div', { class: 'zx-veil' }, [box]);
  /** @type {null|(() => void)} */
  let letGo = null;
  let drawn = '';

  function open() {
    if (letGo) return;
    host.appendChild(veil);
    letGo = trap(box);
    to.opened();
    box.focus();
  }

  function close() {
    if (!letGo) return;
    veil.remove();
    letGo();
    letGo = null;
    drawn = '';
    to.closed();
  }

  /** @param {number} now */
  function words(now) {
    const push = check.push || {};
    const enrol = Boolean(push.enrol);
    switch (check.stage) {
      case 'ask': return { line: text(enrol ? 'check_ask_enrol' : 'check_ask'), more: '' };
      case 'camera': return { line: text('check_camera'), more: '' };
      case 'ready': return { line: text('check_ready'), more: '' };
      case 'shooting': return { line: text('check_shooting'), more: '' };
      case 'sending': return { line: text('check_sending'), more: check.why ? text(check.why) : '' };
      case 'judging': return { line: text('check_judging'), more: check.slow(now) ? text('check_slow') : '' };
      case 'again': return {
        line: text(known(check.why) ? check.why : 'unclear'),
        more: push.tries_left ? fill(text('check_tries'), { tries: push.tries_left }) : '',
      };
      case 'other': return { line: check.cameraWhy ? text(check.cameraWhy) : '', more: text('other_text') };
      default: return result();
    }
  }

  function result() {
    if (check.outcome === 'passed') return { line: text(check.enrolled ? 'result_enrolled' : 'result_passed'), more: '' };
    const key = `result_${check.outcome}`;
    return known(key) ? { line: text(key), more: text(`${key}_more`) } : { line: '', more: '' };
  }

  /** @param {string} key */
  function known(key) {
    return Boolean(key) && text(key) !== key;
  }

  function heading() {
    const push = check.push || {};
    if (check.stage === 'other') return text('other_title');
    if (push.enrol) return text('check_title_enrol');
    return text(`check_title_${push.kind || 'random'}`);
  }

  function buttons() {
    const other = button('other-way', text('check_other'), () => check.otherWay());
    switch (check.stage) {
      case 'ask': return [button('start-check', text('check_start'), () => check.start(to.now()), true), other];
      case 'again': return [button('retry', text('check_retry'), () => check.start(to.now()), true), other];
      case 'other': return [
        button('file', text('other_file'), () => input.click(), true),
        check.why === 'unsupported' ? null : button('retry', text('other_back'), () => check.start(to.now())),
        button('decline', text('other_decline'), () => check.decline()),
      ];
      case 'result': return [button('close', text(check.goOn ? 'resume' : 'close'), () => check.close(), true)];
      case 'camera': case 'ready': return [other];
      default: return [];
    }
  }

  return {
    mirror,
    /** Draws what the machine says; called on each change. */
    draw() {
      if (check.stage === 'none') {
        close();
        return;
      }
      open();
      const now = to.now();
      const mood = check.stage === 'result' ? check.outcome : BUSY.indexOf(check.stage) >= 0 ? 'busy' : check.stage;
      const said = words(now);
      say(title, heading());
      say(line, said.line);
      say(more, said.more);
      box.dataset.stage = check.stage;
      box.dataset.mood = mood;
      const mark = `${check.stage}/${check.why}/${check.outcome}/${(check.push || {}).try_number}`;
      if (mark !== drawn) {
        drawn = mark;
        const had = acts.contains(document.activeElement) || document.activeElement === document.body;
        acts.textContent = '';
        buttons().forEach((one) => one && acts.appendChild(one));
        const first = /** @type {HTMLElement|null} */ (acts.querySelector('.zx-main'));
        if (first && (had || document.activeElement === box)) first.focus();
        else if (had) box.focus();
      }
      this.tick(now);
    },
    /** The ring. @param {number} now */
    tick(now) {
      if (check.stage === 'none') return;
      const running = check.stage !== 'result' && check.stage !== 'judging';
      const rest = check.left(now);
      arc.setAttribute('stroke-dashoffset', String(ROUND * (1 - (running ? rest / check.window : 1))));
      say(left, !running ? '' : to.live()
        ? fill(text('check_left'), { left: Math.ceil(rest / 1000) }) : text('check_frozen'));
      if (check.slow(now)) say(more, text('check_slow'));
    },
  };
}
