/** What the status line says, and which sheet lies over the video: both from the machine's view alone. */

import { clock, fill, hour, length } from '../core/format.js';
import { firstGap } from '../core/intervals.js';

const REST_MS = 2000; // a lesson is complete when no more is uncovered

/** @typedef {ReturnType<import('../core/client.js').Client['view']>} View */
/** @typedef {(key: string) => string} Text */

/**
 * @param {View} view
 * @param {Text} text
 * @param {number} duration
 * @returns {{state: string, why: string, text: string, gap: number}} `gap`: an uncounted place after the end, or -1
 */
export function describe(view, text, duration) {
  const total = clock(view.total);
  /** @param {string} state @param {string} why @param {string} key @param {Object<string, string>} [more] */
  const said = (state, why, key, more) => (
    { state, why, text: fill(text(key), Object.assign({ total }, more)), gap: -1 });
  if (view.state === 'idle') return said('idle', '', view.complete ? 'complete' : 'idle');
  if (view.state === 'parked' || view.state === 'over') return said('stopped', view.trouble, 'stopped');
  if (view.blocked === 'check' || view.blocked === 'check_missed') return said('check', view.blocked, 'check');
  if (view.state !== 'live') {
    const begun = view.playing || view.blocked === 'offline' || view.state === 'waiting';
    return begun ? said('offline', 'offline', 'offline') : said('connecting', '', 'connecting');
  }
  if (!view.earns) {
    const key = view.why === 'class_closed' ? 'class_closed' : 'unfiled';
    return said(view.playing ? 'uncounted' : 'paused', key, view.playing || !view.ended ? key : 'paused');
  }
  if (view.playing) return playing(view, text, said);
  if (view.ended || view.complete) return finished(view, text, duration, said);
  return said('paused', view.blocked, 'paused');
}

/**
 * @param {View} view
 * @param {Text} text
 * @param {(state: string, why: string, key: string, more?: Object<string, string>) => any} said
 */
function playing(view, text, said) {
  if (view.complete) return said('uncounted', 'repeated', 'complete_replay');
  // The first ack after a start has nothing to count yet.
  if (!view.why) return said('counting', '', 'counting');
  return said('uncounted', view.why, 'uncounted', { why: text(`why_${view.why}`) });
}

/**
 * @param {View} view
 * @param {Text} text
 * @param {number} duration
 * @param {(state: string, why: string, key: string, more?: Object<string, string>) => any} said
 */
function finished(view, text, duration, said) {
  if (view.complete) return said('complete', '', 'complete');
  const gap = duration ? firstGap(view.covered, duration, REST_MS) : null;
  if (!gap) return said('paused', '', 'paused');
  const result = said('paused', 'rest', 'rest', { gap: clock(gap[0]) });
  result.gap = gap[0];
  return result;
}

/**
 * @param {View} view
 * @param {Text} text
 * @param {{press: () => void, takeTab: () => void, reload: () => void, retry: () => void, loginUrl: string,
 *   recordUrl: string, backUrl: string, capped: boolean, capSeen: () => void, words: string}} to
 * @returns {import('./sheets.js').SheetText|null}
 */
export function sheetFor(view, text, to) {
  if (view.trouble === 'tab') {
    return sheet('tab', 'tab', text, { act: 'take-back', label: text('tab_act'), press: to.takeTab }, true);
  }
  if (view.state === 'parked') return parked(view, text, to);
  if (view.state === 'over') return over(view, text, to);
  if (to.capped) {
    const day = length(view.day, text);
    return Object.assign(
      sheet('cap', 'cap', text, { act: 'resume', label: text('cap_act'), press: to.capSeen }, true),
      { text: fill(text('cap_text'), { day }) });
  }
  if (!view.want && !view.playing) return null;
  return standing(view, text, to);
}

/**
 * @param {View} view
 * @param {Text} text
 * @param {any} to
 */
function standing(view, text, to) {
  switch (view.blocked) {
    case 'hidden': return sheet('pause', 'hidden', text, null);
    case 'blurred': return Object.assign(
      sheet('pause', 'hidden', text, { act: 'resume', label: text('resume'), press: to.press }),
      { key: 'blurred', text: text('blurred_text') });
    case 'picture_in_picture': return sheet('pause', 'pip', text, null);
    case 'check_missed': return sheet(
      'pause', 'missed', text, { act: 'resume', label: text('missed_act'), press: to.press }, true);
    case 'hold': return sheet('hold', 'hold', text, null);
    case 'durable': return sheet('hold', 'durable', text, null);
    case 'offline': return sheet('hold', 'offline', text, { act: 'retry', label: text('keeps_act'), press: to.retry });
    default: return null;
  }
}

/**
 * @param {View} view
 * @param {Text} text
 * @param {any} to
 */
function parked(view, text, to) {
  const back = { act: 'take-back', label: text('taken_act'), press: to.press };
  if (view.trouble === 'left') return null;
  if (view.trouble === 'resume_expired') {
    return sheet('pause', 'resume_expired', text, { act: 'resume', label: text('resume'), press: to.press }, true);
  }
  if (view.trouble === 'login_ended' || view.code === 4402) {
    const login = sheet('pause', 'login', text, link('login', to.loginUrl, text), true);
    if (!to.loginUrl) login.text = text('host_again');
    return login;
  }
  if (view.code === 4403) return sheet('pause', 'stopped', text, link('stopped', to.recordUrl, text), true);
  const lost = view.lost || {};
  const device = text(`device_${lost.device || 'other'}`);
  const named = device === `device_${lost.device}` ? text('device_other') : device;
  if (view.code === 4401) {
    return Object.assign(
      sheet('taken', 'keeps', text, { act: 'retry', label: text('keeps_act'), press: to.press }, true),
      { text: fill(text('keeps_text'), { device: named }) });
  }
  const taken = sheet('taken', 'taken', text, back, true);
  taken.text = lost.at_ms
    ? fill(text('taken_text'), { at: hour(lost.at_ms), device: named }) : text('taken_text_plain');
  taken.key += taken.text;
  return taken;
}

/**
 * @param {View} view
 * @param {Text} text
 * @param {any} to
 */
function over(view, text, to) {
  const again = { act: 'retry', label: text('refresh'), press: to.reload };
  const allowed = view.code === 4503 || view.trouble === 'refused';
  const result = sheet('pause', allowed ? 'allowed' : 'final', text, allowed ? link('allowed', to.backUrl, text) : again, true);
  if (to.words) result.text = to.words;
  return result;
}

/** @param {string} key @param {string} href "" where there is no such page @param {Text} text */
function link(key, href, text) {
  return href ? { act: key, label: text(`${key}_act`), href } : null;
}

/**
 * @param {string} name
 * @param {string} key
 * @param {Text} text
 * @param {any} act
 * @param {boolean} [loud]
 * @returns {import('./sheets.js').SheetText}
 */
function sheet(name, key, text, act, loud) {
  return { name, key, title: text(`${key}_title`), text: text(`${key}_text`), act, loud };
}
