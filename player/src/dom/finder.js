/** Faces as the browser itself finds them, where it can: for the coach alone. */

import { aside, OVAL } from '../core/coach.js';

/**
 * @param {HTMLVideoElement} mirror
 * @returns {(left: number, top: number, side: number) => Promise<string|null>} what to say of the square that the
 *   mirror shows, as `advise`; null when the name is there and the system behind it is not
 */
export function createFinder(mirror) {
  /** @type {any} */
  let finder = null;
  try {
    finder = new /** @type {any} */ (window).FaceDetector({ fastMode: true, maxDetectedFaces: 3 });
  } catch (error) {
    finder = null;
  }
  return async (left, top, side) => {
    if (!finder) return null;
    try {
      const found = await finder.detect(mirror);
      return say(found.map((/** @type {any} */ one) => place(one, left, top, side))
        .sort((/** @type {any} */ a, /** @type {any} */ b) => b.size - a.size));
    } catch (error) {
      finder = null;
      return null;
    }
  };
}

/** @param {Array<ReturnType<typeof place>>} faces the largest first */
export function say(faces) {
  if (!faces.length) return 'ready';
  const face = faces[0];
  if (faces.length > 1 && faces[1].size > 0.6 * face.size) return 'many';
  if (face.size < 0.45) return 'far';
  if (face.size > 1.5) return 'near';
  return aside(face.x, face.y, 0.5) || (Math.abs(face.turn) > 0.3 ? 'ready' : '');
}

/**
 * Middle from that of the oval in its half axes, height in heights of it, nose off the middle of the eyes in eye
 * distances.
 * @param {any} found @param {number} left @param {number} top @param {number} side
 */
function place(found, left, top, side) {
  const box = found.boundingBox;
  const mid = (/** @type {string} */ type) => (found.landmarks || []).filter((/** @type {any} */ one) => one.type === type)
    .map((/** @type {any} */ one) => one.locations.reduce((/** @type {number} */ sum, /** @type {any} */ at) => sum + at.x, 0)
      / one.locations.length);
  const eyes = mid('eye');
  const nose = mid('nose');
  const apart = eyes.length > 1 ? Math.abs(eyes[0] - eyes[1]) : 0;
  return {
    x: ((box.x + box.width / 2 - left) / side - 0.5) / OVAL[0],
    y: ((box.y + box.height / 2 - top) / side - 0.5) / OVAL[1],
    size: box.height / side / (2 * OVAL[1]),
    turn: apart && nose.length ? (nose[0] - (eyes[0] + eyes[1]) / 2) / apart : 0,
  };
}
