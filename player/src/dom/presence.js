/** Visibility, focus, picture in picture, freezing: what the page can see of itself. */

/**
 * @param {HTMLVideoElement} video
 * @param {{change: (change: {visible?: boolean, focused?: boolean, pip?: boolean}) => void, leave: () => void,
 *   back: () => void, online: () => void}} to
 * @returns {() => void} stops watching
 */
export function watchPresence(video, to) {
  /** @type {Array<() => void>} */
  const offs = [];
  /**
   * @param {EventTarget} target
   * @param {string} name
   * @param {(event: any) => void} heard
   */
  const on = (target, name, heard) => {
    target.addEventListener(name, heard);
    offs.push(() => target.removeEventListener(name, heard));
  };
  const visible = () => to.change({ visible: document.visibilityState !== 'hidden' });
  on(document, 'visibilitychange', () => {
    visible();
    // Coming back by a tab click may not give a focus event.
    if (document.visibilityState !== 'hidden' && document.hasFocus()) to.change({ focused: true });
  });
  on(window, 'blur', () => to.change({ focused: false }));
  on(window, 'focus', () => to.change({ focused: true }));
  // A touch or a key in the page proves the focus where a host forgets to say so.
  on(document, 'pointerdown', () => to.change({ focused: true }));
  on(document, 'freeze', () => to.change({ visible: false }));
  on(document, 'resume', visible);
  on(window, 'pagehide', () => to.leave());
  on(window, 'pageshow', (event) => {
    if (event.persisted) to.back();
  });
  on(window, 'online', () => to.online());
  on(video, 'enterpictureinpicture', () => {
    to.change({ pip: true });
    const leave = /** @type {any} */ (document).exitPictureInPicture;
    if (leave) leave.call(document).catch(() => {});
  });
  on(video, 'leavepictureinpicture', () => to.change({ pip: false }));
  on(video, 'webkitpresentationmodechanged', () => to.change(
    { pip: /** @type {any} */ (video).webkitPresentationMode === 'picture-in-picture' }));
  if (document.visibilityState === 'hidden') visible();
  return () => offs.forEach((off) => off());
}

/** Signs that somebody rewrote what the page sees; they are weighed by people, never a verdict. @returns {string[]} */
export function signals() {
  const found = [];
  const own = (/** @type {object} */ thing, /** @type {string} */ name) => (
    Object.prototype.hasOwnProperty.call(thing, name));
  if (own(document, 'hidden') || own(document, 'visibilityState')) found.push('own_visibility');
  if (own(document, 'hasFocus')) found.push('own_focus');
  if (navigator.mediaDevices && own(navigator.mediaDevices, 'getUserMedia')) found.push('own_camera');
  return found;
}
