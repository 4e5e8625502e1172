/** The camera: opening it, naming what is wrong with it, looking for the coach, taking frames as JPEG. */

import { measure } from '../core/coach.js';

const WIDE = 640;
const QUALITY = 0.85;
const SMALL = 96; // what the coach sees: numbers only, nothing is kept or sent
const BLACK = 6; // mean brightness below this is a closed lid, not a dark room
// Programs that show a film, a window or a telephone as a camera.
const FILMS = /virtual|虚拟|\bobs\b|vcam|manycam|xsplit|snap camera|e2esoft|splitcam|mmhmm|loopback|dummy/i;
const PHONES = /droidcam|iriun|camo\b/i;
const ERRORS = {
  NotAllowedError: 'denied', SecurityError: 'denied', NotReadableError: 'in_use', AbortError: 'in_use',
  NotFoundError: 'none', OverconstrainedError: 'none',
};

export function cameraThere() {
  return Boolean(navigator.mediaDevices && navigator.mediaDevices.getUserMedia);
}

/** Was the permission given already, so that no prompt comes? @returns {Promise<boolean>} */
export async function cameraAllowed() {
  try {
    const answer = await navigator.permissions.query({ name: /** @type {any} */ ('camera') });
    return answer.state === 'granted';
  } catch (error) {
    return false;
  }
}

/** @param {any} error */
export function cameraTrouble(error) {
  const name = String(error && error.name);
  return /** @type {Object<string, string>} */ (ERRORS)[name] || 'unsupported';
}

/**
 * What a camera's stream says of itself that a person may want to know. Flags only: many an honest learner uses one.
 * @param {any} stream
 * @returns {string} words of the protocol with blanks between, "" for nothing
 */
export function hints(stream) {
  const track = stream && stream.getVideoTracks()[0];
  if (!track) return '';
  // A page's own drawing board instead of a camera: an extension put it there.
  const drawn = /Canvas|Generator/.test(Object.prototype.toString.call(track));
  return drawn || FILMS.test(track.label) || PHONES.test(track.label) ? 'virtual_camera' : '';
}

/** @param {HTMLVideoElement} mirror shows the picture */
export function createCamera(mirror) {
  /** @type {MediaStream|null} */
  let stream = null;
  let opening = 0;
  const canvas = document.createElement('canvas');
  const small = document.createElement('canvas');
  small.width = small.height = SMALL;
  const paper = /** @type {CanvasRenderingContext2D} */ (small.getContext('2d', { willReadFrequently: true }));
  /** @type {((left: number, top: number, side: number) => Promise<string|null>)|null} */
  let find = null;
  let lastPicture = '';
  let same = 0;

  function close() {
    opening += 1;
    if (stream) stream.getTracks().forEach((track) => track.stop());
    stream = null;
    mirror.srcObject = null;
    lastPicture = '';
    same = 0;
  }

  return {
    close,
    /** @returns {Promise<string>} "" when it shows a picture, else what is wrong; "closed" when nobody waits */
    async open() {
      close();
      if (!cameraThere()) return 'unsupported';
      const turn = opening;
      try {
        const got = await navigator.mediaDevices.getUserMedia({
          audio: false, video: { facingMode: 'user', width: { ideal: WIDE }, height: { ideal: 480 } },
        });
        if (turn !== opening) {
          got.getTracks().forEach((track) => track.stop());
          return 'closed';
        }
        stream = got;
        mirror.srcObject = got;
        await mirror.play();
        return '';
      } catch (error) {
        if (turn !== opening) return 'closed';
        const why = cameraTrouble(error);
        close();
        return why;
      }
    },
    /** What the mirror shows; null while it shows nothing. @returns {Promise<import('../core/coach.js').Sight|null>} */
    async look() {
      const wide = mirror.videoWidth;
      const high = mirror.videoHeight;
      const side = Math.min(wide, high);
      if (!side) return null;
      if (!find && 'FaceDetector' in window) find = await import('./finder.js').then((room) => room.createFinder(mirror), () => null);
      const left = (wide - side) / 2;
      const top = (high - side) / 2;
      paper.drawImage(mirror, left, top, side, side, 0, 0, SMALL, SMALL);
      const seen = measure(paper.getImageData(0, 0, SMALL, SMALL).data, SMALL);
      return Object.assign(seen, { face: find && await find(left, top, side) });
    },
    /** @returns {Promise<{frame: Blob|null, light: number, why: string}>} */
    async grab() {
      const track = stream && stream.getVideoTracks()[0];
      if (!track || track.readyState !== 'live' || !mirror.videoWidth) return { frame: null, light: 0, why: 'frozen' };
      const scale = Math.min(1, WIDE / mirror.videoWidth);
      canvas.width = Math.round(mirror.videoWidth * scale);
      canvas.height = Math.round(mirror.videoHeight * scale);
      const paint = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
      paint.drawImage(mirror, 0, 0, canvas.width, canvas.height);
      const pixels = paint.getImageData(0, 0, canvas.width, canvas.height).data;
      const seen = look(pixels);
      // A living camera never gives the same picture to the bit.
      same = seen.mark === lastPicture ? same + 1 : 0;
      lastPicture = seen.mark;
      if (seen.light < BLACK) return { frame: null, light: seen.light, why: 'black' };
      if (same >= 2) return { frame: null, light: seen.light, why: 'frozen' };
      /** @type {Blob|null} */
      const frame = await new Promise((done) => canvas.toBlob(done, 'image/jpeg', QUALITY));
      return { frame, light: seen.light, why: frame ? '' : 'unsupported' };
    },
  };
}

/**
 * Mean brightness (0-255) and a mark by which two equal pictures are known.
 * @param {Uint8ClampedArray} pixels
 */
function look(pixels) {
  let sum = 0;
  let count = 0;
  let mark = 0;
  for (let at = 0; at < pixels.length; at += 4 * 37) {
    const light = pixels[at] * 0.3 + pixels[at + 1] * 0.59 + pixels[at + 2] * 0.11;
    sum += light;
    count += 1;
    mark = (mark * 31 + pixels[at] + pixels[at + 1] * 3 + pixels[at + 2] * 7) % 2147483647;
  }
  return { light: count ? sum / count : 0, mark: `${mark}` };
}
