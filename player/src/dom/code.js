/** The HTTP calls of the way without a face. */

/**
 * @param {any} check the pending check
 * @param {object|null} body null asks how it stands
 * @returns {Promise<import('../core/code.js').Answer>}
 */
export async function askCode(check, body) {
  try {
    const answer = await fetch(check.upload, Object.assign({
      method: body ? 'POST' : 'GET', credentials: /** @type {RequestCredentials} */ ('same-origin'),
      headers: { 'Content-Type': 'application/json', 'X-Upload-Ticket': check.ticket },
    }, body ? { body: JSON.stringify(body) } : {}));
    const found = await answer.json().catch(() => null);
    const error = (found && found.error) || {};
    return { status: answer.status, code: String(error.code || ''), words: String(error.words || ''), body: found || {} };
  } catch (error) {
    return { status: 0, code: '', words: '', body: {} };
  }
}
