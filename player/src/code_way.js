/** The form of the way without a face, in the check's sheet: a room of its own, loaded when it is needed. */

import { CodeWay } from './core/code.js';
import { fill } from './core/format.js';
import { askCode } from './dom/code.js';
import { button, el, say } from './ui/dom.js';

/**
 * @param {HTMLElement} place
 * @param {boolean} english
 * @param {{now: () => number, answered: (taken: boolean) => void, decline: () => void}} to
 */
export async function createCodeWay(place, english, to) {
  const words = english ? (await import('./core/code.en.js')).en : (await import('./core/code.zh.js')).zh;
  const text = (/** @type {string} */ key, /** @type {Object<string, string|number>} */ values) => fill(words[key], values || {});
  const way = new CodeWay({ now: to.now, ask: askCode, answered: to.answered, changed: () => draw() });

  const phone = el('p', { class: 'zx-sent', role: 'status' });
  const code = /** @type {HTMLInputElement} */ (el('input', {
    id: 'zx-code', class: 'zx-input', type: 'text', inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: 12,
    'aria-describedby': 'zx-code-error', autocapitalize: 'off', spellcheck: 'false',
  }));
  const send = button('send-code', '', () => {
    way.send();
  });
  const label = el('label', { for: 'zx-code', text: text('code', {}) });
  const row = el('div', { class: 'zx-row' }, [code, send]);
  const hint = el('p', { class: 'zx-more', text: text('decline_hint', {}) });
  const question = el('legend', {});
  const choices = el('div', {});
  const quiz = el('fieldset', { class: 'zx-quiz', 'aria-describedby': 'zx-code-error' }, [question, choices]);
  const error = el('p', { id: 'zx-code-error', class: 'zx-error', role: 'alert' });
  const submit = el('button', { type: 'submit', class: 'zx-button zx-main', 'data-act': 'submit-code' });
  const form = el('form', { class: 'zx-code', novalidate: true, on: { submit: enter } }, [
    el('p', { text: text('intro', {}) }), phone,
    label, row, quiz, error, submit, hint,
    button('decline', text('decline', {}), to.decline),
  ]);
  const waiting = el('p', { class: 'zx-more', role: 'status' });
  let asked = '';
  let erred = '';

  /** @param {Event} event */
  function enter(event) {
    event.preventDefault();
    const chosen = /** @type {HTMLInputElement|null} */ (choices.querySelector('input:checked'));
    way.submit(code.value, chosen ? Number(chosen.value) : -1);
  }

  /** Choices are built once a question: what was chosen stays. */
  function drawQuestion() {
    quiz.hidden = !way.phone || !way.choices.length;
    const key = JSON.stringify([way.question, way.choices]);
    if (key === asked) return;
    asked = key;
    say(question, way.question || text('question', {}));
    choices.textContent = '';
    way.choices.forEach((choice, index) => choices.appendChild(el('label', { class: 'zx-choice' }, [
      el('input', { type: 'radio', name: 'zx-answer', value: index }), el('span', { text: choice }),
    ])));
  }

  function drawError() {
    const said = way.words || (way.error && text(words[way.error] ? way.error : 'try_again', {}));
    say(error, said);
    code.setAttribute('aria-invalid', String(way.field === 'code'));
    quiz.setAttribute('aria-invalid', String(way.field === 'answer'));
    const key = said + way.field;
    const fault = way.field === 'code' ? code : way.field && choices.querySelector('input');
    // Whoever pressed the button is taken to the place that needs another look.
    if (key !== erred && fault) fault.focus();
    erred = key;
  }

  function drawSend() {
    const wait = way.wait;
    const off = Boolean(wait || way.busy);
    say(send, way.busy === 'send' ? text('sending', {}) : wait ? text('resend_in', { wait })
      : text(way.sent ? 'resend' : 'send', {}));
    if (send.getAttribute('aria-disabled') !== String(off)) send.setAttribute('aria-disabled', String(off));
  }

  function draw() {
    const open = way.state === 'open';
    const there = open ? form : waiting;
    if (place.firstChild !== there) {
      place.textContent = '';
      place.appendChild(there);
    }
    if (!open) {
      say(waiting, text(way.state === 'lost' ? 'lost' : 'opening', {}));
      return;
    }
    [label, row, submit, hint].forEach((one) => {
      one.hidden = !way.phone;
    });
    say(phone, text(!way.phone ? 'no_phone' : way.sent ? 'phone_sent' : 'phone', { phone: way.phone }));
    say(submit, text(way.busy === 'submit' ? 'submitting' : 'submit', {}));
    submit.setAttribute('aria-disabled', String(Boolean(way.busy)));
    drawQuestion();
    drawSend();
    drawError();
  }

  return {
    /** @param {any} push @param {string} why the word on the try before */
    show(push, why) {
      if (way.open(push, why)) {
        asked = '';
        // A right code with a wrong answer need not be typed again.
        if (why !== 'answer_wrong') code.value = '';
      }
      draw();
    },
    /** @param {number} at */
    tick(at) {
      way.tick(at);
      if (way.state === 'open') drawSend();
    },
  };
}
