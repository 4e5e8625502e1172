/** The sheets over the video: the quiet one of a pause, and that of a check. */

import { button, el, say, svg, trap } from './dom.js';
import { fill } from '../core/format.js';
import { BUSY } from '../core/check.js';
import { OVAL } from '../core/coach.js';

const RADIUS = 92;
const ROUND = 2 * Math.PI * RADIUS;
const MIRROR = 172;

/**
 * @typedef {object} SheetText
 * @property {string} name pause, taken, hold, cap or tab
 * @property {string} key changes when the sheet must be drawn anew
 * @property {string} title
 * @property {string} text
 * @property {{act: string, label: string, href?: string, press?: () => void}|null} act
 * @property {boolean} [loud] takes the focus: something must be decided
 */

/** What happened, what it means for the time, one button. @param {HTMLElement} host */
export function createSheets(host) {
  let key = '';
  return {
    /** @param {SheetText|null} sheet */
    show(sheet) {
      const next = sheet ? sheet.key : '';
      if (next === key) return;
      key = next;
      host.textContent = '';
      host.classList.toggle('zx-on', Boolean(sheet));
      if (!sheet) return;
      const act = sheet.act;
      const press = act && (act.href
        ? el('a', { class: 'zx-button zx-main', 'data-act': act.act, href: act.href, text: act.label })
        : button(act.act, act.label, act.press || (() => {}), true));
      const box = el('div', {
        class: 'zx-sheet', 'data-sheet': sheet.name, role: sheet.loud ? 'alertdialog' : 'group',
        'aria-labelledby': 'zx-sheet-title', 'aria-describedby': 'zx-sheet-text',
      }, [
        el('h2', { id: 'zx-sheet-title', text: sheet.title }),
        el('p', { id: 'zx-sheet-text', text: sheet.text }),
        press || null,
      ]);
      host.appendChild(box);
      if (sheet.loud && press) press.focus();
    },
  };
}

/**
 * The check: a round mirror, one instruction with its arrow, a ring for the time, results in words.
 * @param {HTMLElement} host
 * @param {import('../core/check.js').Check} check
 * @param {{text: (key: any) => string, opened: () => void, closed: () => void, now: () => number,
 *   files: (files: FileList) => void, live: () => boolean, refusals: () => boolean}} to  `refusals`: these words are
 *   there, or cannot be had now
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
    // The ring is turned by a quarter: it begins at the top.
    svg('ellipse', { cx: 100, cy: 100, rx: OVAL[1] * MIRROR, ry: OVAL[0] * MIRROR, class: 'zx-oval' }),
  ]);
  const mark = el('span', { class: 'zx-mark', 'aria-hidden': 'true' });
  const cue = el('span', { class: 'zx-cue', 'aria-hidden': 'true' });
  const round = el('div', { class: 'zx-round' }, [mirror, mark, /** @type {any} */ (ring), cue]);
  const title = el('h2', { id: 'zx-check-title' });
  const line = el('p', { id: 'zx-check-line', class: 'zx-line-text', 'aria-live': 'assertive' });
  const more = el('p', { class: 'zx-more' });
  const left = el('p', { class: 'zx-left', 'aria-live': 'off' });
  const place = el('div', { class: 'zx-form' });
  const input = /** @type {HTMLInputElement} */ (el('input', {
    type: 'file', accept: 'image/*', capture: 'user', class: 'zx-file', tabindex: '-1', 'aria-hidden': 'true',
  }));
  input.addEventListener('change', () => {
    if (input.files && input.files.length) to.files(input.files);
    input.value = '';
  });
  const acts = el('div', { class: 'zx-acts' });
  const box = el('div', {
    class: 'zx-check', 'data-sheet': 'check', role: 'dialog', 'aria-modal': 'true', tabindex: '-1',
    'aria-labelledby': 'zx-check-title', 'aria-describedby': 'zx-check-line',
  }, [title, round, line, more, place, acts, left, input]);
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

  /** @param {number} now @returns {string[]} the line that is read out, and more */
  function words(now) {
    const push = check.push || {};
    // Words of movements are on their way with an active check; until they are there the plain ones do.
    const active = check.way === 'active' && known('act_next');
    const next = active ? text('act_next') : '';
    switch (check.stage) {
      case 'ask': return [text(push.enrol ? 'check_ask_enrol' : active ? 'act_ask' : 'check_ask'), push.enrol ? next : ''];
      case 'camera': return [text('check_camera'), ''];
      case 'ready': return [text(`coach_${check.coach.word || 'ready'}`), next];
      case 'shooting': return shooting();
      case 'sending': return [text('check_sending'), check.why && text(check.why)];
      case 'judging':
        return [text(check.declined && to.refusals() && known('check_switching') ? 'check_switching' : 'check_judging'), check.slow(now) ? text('check_slow') : ''];
      case 'again': return [
        text(!to.refusals() ? 'check_judging' : known(check.why) ? check.why : active ? 'act_ask' : 'unclear'),
        `${check.why && next}${push.tries_left ? fill(text('check_tries'), { tries: push.tries_left }) : ''}`,
      ];
      case 'other': return refused(check.why, 'other_text');
      case 'code': return ['', ''];
      default: return check.outcome === 'passed' ? [text(check.enrolled ? 'result_enrolled' : 'result_passed'), '']
        : refused(`result_${check.outcome}`, `result_${check.outcome}_more`);
    }
  }

  function shooting() {
    const burst = /** @type {import('../core/burst.js').Burst} */ (check.burst);
    const [at, of] = burst.part;
    return [text(`act_${burst.step.name}`), of > 1 ? fill(text('act_part'), { at, of }) : ''];
  }

  /** @param {string} line @param {string} more */
  function refused(line, more) {
    return to.refusals() && known(line) ? [text(line), text(more)] : ['', ''];
  }

  /** @param {string} key */
  function known(key) {
    return Boolean(key) && text(key) !== key;
  }

  function heading() {
    const push = check.push || {};
    if (check.stage === 'other') return text('check_other');
    if (push.enrol && check.way !== 'code') return text('check_title_enrol');
    return text(`check_title_${push.kind || 'random'}`);
  }

  /** @returns {Array<[string, string, () => void]>} the first one is the main one, unless its name begins with "-" */
  function buttons() {
    const another = () => check.decline('other_way');
    /** @type {[string, string, () => void]} */
    const other = ['-other-way', 'check_other', another];
    switch (check.stage) {
      case 'ask': return [['start-check', 'check_start', () => check.start(to.now())], other];
      case 'again': return [['retry', 'check_retry', () => check.start(to.now())], ...cannot(), other];
      case 'camera': case 'sending': return [other];
      case 'ready': case 'shooting': return [...cannot(), other];
      case 'other': return !known('other_code') ? [other] : [
        ['other-way', 'other_code', another], ['file', 'other_file', () => input.click()],
        ...retry(), ['decline', 'other_decline', () => check.decline()],
      ];
      case 'result': return [['close', check.goOn ? 'resume' : 'close', () => check.close()]];
      default: return [];
    }
  }

  /** @returns {Array<[string, string, () => void]>} */
  function cannot() {
    return check.way === 'active' && known('act_cannot') ? [['-cannot-act', 'act_cannot', () => check.decline('cannot_act')]] : [];
  }

  /** @returns {Array<[string, string, () => void]>} */
  function retry() {
    return check.why === 'unsupported' ? [] : [['retry', 'other_back', () => check.start(to.now())]];
  }

  /** Buttons stay where they are, and keep the focus, while they do the same. */
  function drawButtons() {
    const wanted = buttons();
    const key = wanted.map((one) => one[0] + one[1]).join() + (check.stage === 'code');
    if (key === drawn) return;
    drawn = key;
    const had = acts.contains(document.activeElement) || document.activeElement === document.body;
    acts.textContent = '';
    wanted.forEach(([act, label, press], index) => {
      acts.appendChild(button(act.replace(/^-/, ''), text(label), press, !index && act[0] !== '-'));
    });
    const first = /** @type {HTMLElement|null} */ (acts.querySelector('.zx-main'));
    if (first && (had || document.activeElement === box)) first.focus();
    else if (had) box.focus();
  }

  function drawGuide() {
    const step = check.stage === 'shooting' && check.burst && check.burst.step;
    const name = step ? step.name : check.stage === 'ready' ? check.coach.word : '';
    cue.dataset.to = name;
    round.dataset.guide = check.stage === 'ready' || step ? name || (check.coach.good ? 'good' : 'look') : '';
    const shine = step ? step.shine : '';
    if (veil.dataset.shine !== shine) veil.dataset.shine = shine;
  }

  return {
    mirror,
    place,
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
      say(line, said[0]);
      say(more, said[1]);
      box.dataset.stage = check.stage;
      box.dataset.mood = mood;
      drawGuide();
      drawButtons();
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
