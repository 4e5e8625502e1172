/** The page's sentences in its language; only one catalogue travels. */

/**
 * @param {string|undefined} lang
 * @returns {Promise<Record<import('./core/texts.js').Key, string>>}
 */
export async function loadWords(lang) {
  return isEnglish(lang) ? (await import('./core/texts.en.js')).en : (await import('./core/texts.js')).zh;
}

/** @param {string|undefined} lang */
export function isEnglish(lang) {
  return (lang || '').slice(0, 2) === 'en';
}
