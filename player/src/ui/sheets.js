/** The quiet sheet over the video: what happened, what it means for the time, one button. */

import { button, el } from './dom.js';

/**
 * @typedef {object} SheetText
 * @property {string} name pause, taken, hold, cap or tab
 * @property {string} key changes when the sheet must be drawn anew
 * @property {string} title
 * @property {string} text
 * @property {{act: string, label: string, href?: string, press?: () => void}|null} act
 * @property {boolean} [loud] takes the focus: something must be decided
 */

/** @param {HTMLElement} host */
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
