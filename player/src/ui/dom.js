/** Building elements without a framework. */

/**
 * @param {string} tag
 * @param {Object<string, any>} [attributes] `text` and `on` are special
 * @param {Array<Node|null>} [children]
 * @returns {HTMLElement}
 */
export function el(tag, attributes, children) {
  const element = document.createElement(tag);
  Object.keys(attributes || {}).forEach((name) => {
    const value = /** @type {Object<string, any>} */ (attributes)[name];
    if (name === 'text') element.textContent = value;
    else if (name === 'on') Object.keys(value).forEach((event) => element.addEventListener(event, value[event]));
    else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? '' : String(value));
    }
  });
  (children || []).forEach((child) => child && element.appendChild(child));
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

/**
 * @param {string} tag
 * @param {Object<string, string|number>} attributes
 * @param {Array<Node>} [children]
 */
export function svg(tag, attributes, children) {
  const element = document.createElementNS(SVG, tag);
  Object.keys(attributes).forEach((name) => element.setAttribute(name, String(attributes[name])));
  (children || []).forEach((child) => element.appendChild(child));
  return element;
}

/**
 * Sets text only when it changed, so that a live region is not read again.
 * @param {Element} element
 * @param {string} text
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @param {string} act stable name of what the button does
 * @param {string} label
 * @param {() => void} press
 * @param {boolean} [main]
 */
export function button(act, label, press, main) {
  return el('button', {
    type: 'button', class: `zx-button${main ? ' zx-main' : ''}`, 'data-act': act, text: label, on: { click: press },
  });
}

const FOCUSABLE = 'button:not([disabled]),a[href],input:not([disabled])';

/**
 * Keeps Tab inside `box` while it is open.
 * @param {HTMLElement} box
 * @returns {() => void} lets go, and gives the focus back
 */
export function trap(box) {
  const before = /** @type {HTMLElement|null} */ (document.activeElement);
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    if (event.key !== 'Tab') return;
    const all = Array.prototype.filter.call(box.querySelectorAll(FOCUSABLE), (one) => one.offsetParent !== null);
    if (!all.length) {
      event.preventDefault();
      box.focus();
      return;
    }
    const at = all.indexOf(document.activeElement);
    const next = event.shiftKey ? at - 1 : at + 1;
    if (at < 0 || next < 0 || next >= all.length) {
      event.preventDefault();
      all[next < 0 && at >= 0 ? all.length - 1 : 0].focus();
    }
  };
  document.addEventListener('keydown', onKey, true);
  return () => {
    document.removeEventListener('keydown', onKey, true);
    if (before && before.isConnected && before.focus) before.focus();
  };
}
