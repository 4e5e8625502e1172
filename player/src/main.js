/** Boots the lesson page: everything it needs stands in `data-config` and in four containers of the template. */

import { loadWords } from './words.js';

/** @param {string} id */
function place(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

async function boot() {
  const page = place('lesson');
  /** @type {import('./lesson.js').Config} */
  const config = JSON.parse(page.dataset.config || '{}');
  if (config.host) {
    // The ticket stands in the hash, which no server log sees; it leaves the address bar at once.
    const found = /[#&]ticket=([^&]+)/.exec(window.location.hash);
    if (found) {
      config.ticket = decodeURIComponent(found[1]);
      history.replaceState(null, '', window.location.pathname + window.location.search);
    }
  }
  // Both at once: the sentences must not wait for the machine.
  const [{ open }, words] = await Promise.all([import('./lesson.js'), loadWords(config.lang)]);
  const places = {
    stage: place('stage'), status: place('status'), progress: place('progress'), sheets: place('sheets'),
  };
  open(config, places, () => {}, words);
}

boot();
