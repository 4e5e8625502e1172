/** The video element: attributes of all kinds of hosts, HLS, presented frames. */

const ATTRIBUTES = {
  playsinline: '', 'webkit-playsinline': '', 'x5-playsinline': '', 'x5-video-player-type': 'h5-page',
  'x5-video-player-fullscreen': 'true', 'x5-video-orientation': 'portraint', 'x-webkit-airplay': 'deny',
  disablepictureinpicture: '', disableremoteplayback: '', controlslist: 'nodownload noremoteplayback noplaybackrate',
  preload: 'metadata',
};
const HLS_KIND = 'application/vnd.apple.mpegurl';

/** @returns {HTMLVideoElement} */
export function createVideo() {
  const video = document.createElement('video');
  Object.keys(ATTRIBUTES).forEach((name) => (
    video.setAttribute(name, /** @type {Object<string, string>} */ (ATTRIBUTES)[name])));
  // Extensions take the picture-in-picture ban away; it is put back.
  if (typeof MutationObserver === 'function') {
    new MutationObserver(() => {
      if (!video.hasAttribute('disablepictureinpicture')) video.setAttribute('disablepictureinpicture', '');
    }).observe(video, { attributes: true, attributeFilter: ['disablepictureinpicture'] });
  }
  video.addEventListener('contextmenu', (event) => event.preventDefault());
  return video;
}

/**
 * Counts frames that were really presented.
 * @param {HTMLVideoElement} video
 * @returns {() => number} total so far, -1 where the browser cannot tell
 */
export function countFrames(video) {
  const element = /** @type {any} */ (video);
  if (typeof element.requestVideoFrameCallback === 'function') {
    let frames = 0;
    let before = 0;
    /** @param {number} _at @param {{presentedFrames: number}} about */
    const seen = (_at, about) => {
      // The element counts presented frames itself: callbacks may be merged on a slow phone.
      frames += about.presentedFrames > before && before ? about.presentedFrames - before : 1;
      before = about.presentedFrames;
      element.requestVideoFrameCallback(seen);
    };
    element.requestVideoFrameCallback(seen);
    return () => frames;
  }
  if (typeof element.getVideoPlaybackQuality === 'function') {
    return () => {
      const quality = element.getVideoPlaybackQuality();
      return Math.max(0, quality.totalVideoFrames - quality.droppedVideoFrames);
    };
  }
  return () => -1;
}

/**
 * Loads a lesson: native HLS where there is some, else hls.js on media source extensions.
 * @param {HTMLVideoElement} video
 * @param {string} url
 * @param {string} hlsBase address below which hls.js is served; "" when it is not
 * @param {(why: string) => void} failed
 * @returns {() => void} lets go of the media
 */
export function load(video, url, hlsBase, failed) {
  let stopped = false;
  /** @type {any} */
  let hls = null;
  const isHls = /\.m3u8(\?|$)/.test(url);

  async function attach() {
    if (!hlsBase || !mseThere()) {
      failed('unsupported');
      return;
    }
    try {
      const module = await import(`${hlsBase}/dist/hls.light.min.mjs`);
      if (stopped) return;
      const Hls = module.default;
      hls = new Hls({
        workerPath: `${hlsBase}/dist/hls.worker.js`, maxBufferLength: 60, backBufferLength: 30, startFragPrefetch: true,
      });
      let recovered = 0;
      hls.on(Hls.Events.ERROR, (/** @type {string} */ _name, /** @type {any} */ about) => {
        if (!about.fatal) return;
        if (about.type === Hls.ErrorTypes.MEDIA_ERROR && recovered < 2) {
          recovered += 1;
          hls.recoverMediaError();
        } else failed('network');
      });
      hls.loadSource(url);
      hls.attachMedia(video);
    } catch (error) {
      if (!stopped) failed('network');
    }
  }

  if (!isHls || video.canPlayType(HLS_KIND)) {
    const onError = () => {
      video.removeEventListener('error', onError);
      // Some engines say "maybe" and then cannot.
      const code = video.error ? video.error.code : 0;
      if (isHls && code !== 2 && mseThere() && hlsBase) {
        video.removeAttribute('src');
        attach();
      } else failed('network');
    };
    video.addEventListener('error', onError);
    video.src = url;
  } else attach();

  return () => {
    stopped = true;
    if (hls) hls.destroy();
    video.removeAttribute('src');
    video.load();
  };
}

function mseThere() {
  return typeof MediaSource === 'function'
    || typeof /** @type {any} */ (window).ManagedMediaSource === 'function';
}
