/** The video element: attributes of all kinds of hosts, HLS, presented frames. */

const ATTRIBUTES = {
  playsinline: '', 'webkit-playsinline': '', 'x5-playsinline': '', 'x5-video-player-type': 'h5-page',
  'x5-video-player-fullscreen': 'true', 'x5-video-orientation': 'portraint', 'x-webkit-airplay': 'deny',
  disablepictureinpicture: '', disableremoteplayback: '', controlslist: 'nodownload noremoteplayback noplaybackrate',
  preload: 'metadata',
};
const RETRY_MS = [500, 1000, 2000, 4000];
const GIVE_UP_MS = 240000; // longer than the longest cut that a check waits for
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
 * Tries again after a network error, less and less often, and at once when the browser says that it is online.
 * @param {() => void} gaveUp
 */
function createRetry(gaveUp) {
  let tries = 0;
  let since = 0;
  let timer = 0;
  /** @type {null|(() => void)} */
  let waiting = null;
  const run = () => {
    clearTimeout(timer);
    const again = waiting;
    waiting = null;
    if (again) again();
  };
  window.addEventListener('online', run);
  return {
    /** @param {() => void} again */
    later(again) {
      since = since || Date.now();
      if (Date.now() - since > GIVE_UP_MS) {
        gaveUp();
        return;
      }
      waiting = again;
      clearTimeout(timer);
      timer = window.setTimeout(run, RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]);
      tries += 1;
    },
    fine() {
      tries = 0;
      since = 0;
    },
    stop() {
      waiting = null;
      clearTimeout(timer);
      window.removeEventListener('online', run);
    },
  };
}

/**
 * hls.js on media source extensions.
 * @param {any} Hls
 * @param {HTMLVideoElement} video
 * @param {string} url
 * @param {ReturnType<typeof createRetry>} retry
 * @param {(why: string) => void} failed
 */
function attachHls(Hls, video, url, retry, failed) {
  const hls = new Hls({
    // Our segments are fMP4 and pass through as they are: a worker would be 36 KB for nothing.
    enableWorker: false, maxBufferLength: 60, backBufferLength: 30, startFragPrefetch: true,
  });
  let recovered = 0;
  let listed = false;
  hls.on(Hls.Events.MANIFEST_PARSED, () => {
    listed = true;
  });
  hls.on(Hls.Events.FRAG_LOADED, retry.fine);
  hls.on(Hls.Events.ERROR, (/** @type {string} */ _name, /** @type {any} */ about) => {
    if (!about.fatal) return;
    const status = (about.response && about.response.code) || 0;
    if (about.type === Hls.ErrorTypes.MEDIA_ERROR && recovered < 2) {
      recovered += 1;
      hls.recoverMediaError();
    } else if (about.type === Hls.ErrorTypes.NETWORK_ERROR && (status < 400 || status >= 500)) {
      // The line is down, not the lesson: what is buffered plays on, and loading goes on when the line is back.
      retry.later(() => (listed ? hls.startLoad() : hls.loadSource(url)));
    } else failed('network');
  });
  hls.loadSource(url);
  hls.attachMedia(video);
  return hls;
}

/**
 * Loads a lesson: native HLS where there is some, else hls.js.
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
  const retry = createRetry(() => failed('network'));
  const isHls = /\.m3u8(\?|$)/.test(url);

  async function attach() {
    if (!hlsBase || !mseThere()) {
      failed('unsupported');
      return;
    }
    try {
      const module = await import(`${hlsBase}/dist/hls.light.min.mjs`);
      if (!stopped) hls = attachHls(module.default, video, url, retry, failed);
    } catch (error) {
      if (!stopped) retry.later(attach);
    }
  }

  function reload() {
    const at = video.currentTime;
    const playing = !video.paused;
    video.addEventListener('loadedmetadata', () => {
      retry.fine();
      video.currentTime = at;
      if (playing) video.play().catch(() => {});
    }, { once: true });
    video.src = url;
  }

  const onError = () => {
    const code = video.error ? video.error.code : 0;
    if (code === 2) {
      retry.later(reload);
      return;
    }
    video.removeEventListener('error', onError);
    // Some engines say "maybe" and then cannot.
    if (isHls && mseThere() && hlsBase) {
      video.removeAttribute('src');
      attach();
    } else failed('network');
  };

  // Where both are there hls.js is the surer one: desktop browsers' own HLS is young and gives up on a lost line.
  const own = typeof MediaSource !== 'function' && video.canPlayType(HLS_KIND);
  if (!isHls || own) {
    video.addEventListener('error', onError);
    video.src = url;
  } else attach();

  return () => {
    stopped = true;
    retry.stop();
    video.removeEventListener('error', onError);
    if (hls) hls.destroy();
    video.removeAttribute('src');
    video.load();
  };
}

function mseThere() {
  return typeof MediaSource === 'function'
    || typeof /** @type {any} */ (window).ManagedMediaSource === 'function';
}
