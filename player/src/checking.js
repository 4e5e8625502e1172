/** The face check in the page: its machine, its sheet, the camera and the upload, wired together. */

import { Check } from './core/check.js';
import { uploadFrames } from './dom/api.js';
import { cameraAllowed, createCamera, shrink } from './dom/camera.js';
import { now } from './dom/clock.js';
import { createCheckSheet } from './ui/check_sheet.js';

const PASSED_SHOWN_MS = 1400;
const RESULT_SHOWN_MS = 6000;
const FILES_MAX = 3;

/**
 * @param {HTMLElement} host
 * @param {import('./core/client.js').Client} client
 * @param {{text: (key: string) => string, opened: () => void, changed: () => void}} to
 */
export function createChecking(host, client, to) {
  const check = new Check({
    openCamera,
    closeCamera: () => camera.close(),
    grab,
    upload(push, frames, source) {
      uploadFrames(push, frames, source).then((answer) => check.uploaded(now(), answer.status, answer.code));
    },
    sheet: (id, state, why) => client.sheet(id, state, why),
    changed: to.changed,
  });
  const sheet = createCheckSheet(host, check, {
    text: to.text,
    now,
    live: () => client.state === 'live',
    opened() {
      to.opened();
      client.prompted(now(), true, document.hasFocus());
    },
    closed: () => client.prompted(now(), false, document.hasFocus()),
    files(files) {
      const some = Array.prototype.slice.call(files, 0, FILES_MAX);
      Promise.all(some.map(shrink)).then((all) => check.picked(now(), all));
    },
  });
  const camera = createCamera(sheet.mirror);

  async function openCamera() {
    // The browser's own question takes the focus; that is no leave.
    client.prompted(now(), true, document.hasFocus());
    const why = await camera.open();
    client.prompted(now(), false, document.hasFocus());
    if (why === 'closed') return;
    if (why) check.cameraFailed(why);
    else check.cameraReady(now());
  }

  async function grab() {
    const shot = await camera.grab();
    if (shot.why) check.cameraFailed(shot.why);
    else check.grabbed(now(), shot.frame);
  }

  return {
    /** A check is pending, or none any more. @param {any} push */
    async pending(push) {
      const eager = Boolean(push) && await cameraAllowed();
      if (push && (!client.check || client.check.id !== push.id)) return;
      check.pending(now(), push, eager);
    },
    /** @param {any} frame */
    verdict: (frame) => check.verdict(now(), frame),
    draw: () => sheet.draw(),
    /** @param {number} at */
    tick(at) {
      check.tick(at, client.state === 'live');
      sheet.tick(at);
      const shown = check.outcome === 'passed' ? PASSED_SHOWN_MS : RESULT_SHOWN_MS;
      if (check.stage === 'result' && check.goOn && at - check.sentAt >= shown) check.close();
    },
    close: () => camera.close(),
  };
}
