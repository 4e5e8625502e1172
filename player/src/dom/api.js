/** The two HTTP calls of the player: a start ticket, and the frames of a check. */

/**
 * @param {string} url
 * @param {string} csrf
 * @param {string} pageId
 * @param {string} [ticket] of a host: it is exchanged for what the page plays, without a cookie
 * @returns {Promise<{ok: boolean, why: string, words: string, body: any}>} `why`: offline, login, refused
 */
export async function fetchTicket(url, csrf, pageId, ticket) {
  try {
    const answer = await fetch(url, {
      method: 'POST', body: JSON.stringify(ticket ? { ticket } : { page_id: pageId }),
      headers: { 'Content-Type': 'application/json', 'X-CSRF': csrf },
    });
    const body = await answer.json().catch(() => null);
    if (answer.ok && body && body.ticket) return { ok: true, why: '', words: '', body };
    const words = body && body.error ? String(body.error.words || '') : '';
    if (answer.status === 401) return { ok: false, why: 'login', words, body };
    if (answer.status >= 500 || answer.status === 429 || answer.status === 408) {
      return { ok: false, why: 'offline', words, body };
    }
    return { ok: false, why: 'refused', words, body };
  } catch (error) {
    return { ok: false, why: 'offline', words: '', body: null };
  }
}

/**
 * @param {any} check the pending check
 * @param {{frames: Blob[], shots: Array<[number, number]>, source: string}} burst `shots`: when each frame was taken
 *   since the burst began, in ms, and for which action; none of pictures from a file
 * @param {string} hints of the camera
 * @returns {Promise<{status: number, code: string}>} status 0: no answer
 */
export async function uploadFrames(check, burst, hints) {
  const form = new FormData();
  form.append('ticket', check.ticket);
  form.append('source', burst.source);
  if (burst.shots.length) form.append('shots', JSON.stringify(burst.shots));
  form.append('hints', hints);
  burst.frames.forEach((frame, index) => form.append(`frame${index}`, frame, `frame${index}.jpg`));
  try {
    const answer = await fetch(check.upload, {
      method: 'POST', body: form, headers: { 'X-Upload-Ticket': check.ticket },
    });
    const body = await answer.json().catch(() => null);
    const code = body && body.error ? String(body.error.code) : '';
    return { status: answer.status, code };
  } catch (error) {
    return { status: 0, code: '' };
  }
}
