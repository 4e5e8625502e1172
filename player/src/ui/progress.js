/** The line of what is counted: spans, not the playhead alone. */

import { el } from './dom.js';
import { normalise, total } from '../core/intervals.js';

/** @typedef {import('../core/intervals.js').Span} Span */

/**
 * @param {HTMLElement} host
 * @param {(percent: number, count: number) => string} label
 */
export function createProgress(host, label) {
  const line = el('div', { class: 'zx-line', role: 'img', 'aria-label': label(0, 0) });
  const head = el('i', { class: 'zx-head', 'aria-hidden': 'true' });
  host.textContent = '';
  host.appendChild(line);
  let drawn = '';
  return {
    /**
     * @param {Span[]} covered
     * @param {Span|null} running played, on its way to be counted
     * @param {number} pos
     * @param {number} duration
     */
    draw(covered, running, pos, duration) {
      if (!duration) return;
      const share = (/** @type {number} */ ms) => `${Math.min(100, (ms / duration) * 100).toFixed(2)}%`;
      head.style.left = share(pos);
      const spans = normalise(covered);
      const mark = JSON.stringify([spans, running && Math.round(running[1] / 1000), running && running[0]]);
      if (mark === drawn) return;
      drawn = mark;
      line.textContent = '';
      const parts = spans.map((span) => ({ span, kind: 'zx-counted' }));
      if (running && running[1] > running[0]) parts.push({ span: running, kind: 'zx-running' });
      parts.forEach((part) => {
        const piece = el('i', { class: part.kind });
        piece.style.left = share(part.span[0]);
        piece.style.width = share(part.span[1] - part.span[0]);
        line.appendChild(piece);
      });
      line.appendChild(head);
      line.setAttribute('aria-label', label(Math.min(100, Math.round((total(spans) / duration) * 100)), spans.length));
    },
  };
}
