/** The lesson's video as the machine commands it: source, position, and the courtesy rules of seeking and speed. */

import { rateAllowed, seek as seekRule } from './core/playback.js';
import { now } from './dom/clock.js';
import { countFrames, createVideo, load } from './dom/media.js';

const OWN_SEEK_MS = 1500; // media-chrome may round the place that it was allowed to go to

export class Film {
  /**
   * @param {import('./core/client.js').Client} client
   * @param {string} hlsBase
   * @param {{word: (key: string) => void, changed: () => void, press: () => void}} to
   */
  constructor(client, hlsBase, to) {
    this.client = client;
    this.hlsBase = hlsBase;
    this.to = to;
    this.video = createVideo();
    this.frames = countFrames(this.video);
    this.duration = 0;
    this.url = '';
    this.broken = false;
    this.unload = () => {};
    this.ownSeek = -1; // where a seek of our own goes
    this.wanted = -1; // where to go as soon as there is media
    this._listen();
  }

  _listen() {
    const client = this.client;
    const video = this.video;
    /** @param {string} name @param {() => void} heard */
    const on = (name, heard) => video.addEventListener(name, heard);
    on('timeupdate', () => client.playing && client.progressed(now()));
    // These events come late: what the element does by now tells whether one still means something. Without this
    // a window that flickers in focus sends play and pause after each other for ever.
    on('pause', () => video.paused && !video.ended && client.stoppedByOthers(now()));
    on('play', () => !video.paused && !client.playing && this._playedByOthers());
    on('ended', () => client.reachedEnd(now()));
    on('seeking', () => this._seeking());
    on('seeked', () => {
      this.ownSeek = -1;
      this.to.changed();
    });
    on('ratechange', () => this._rateChanged());
    on('loadedmetadata', () => {
      if (this.wanted >= 0) this.seekTo(this.wanted);
      this.to.changed();
    });
  }

  /** A media key or an extension: the same as our button, and nothing plays before the machine says so. */
  _playedByOthers() {
    this.video.pause();
    this.to.press();
  }

  /** @param {string} url */
  source(url) {
    if (!url || (this.url && !this.broken)) return;
    this.unload();
    this.broken = false;
    this.url = url;
    this.unload = load(this.video, url, this.hlsBase, () => {
      this.broken = true;
      this.client.pause(now());
      this.to.changed();
    });
  }

  /** Loads the same media once more, to the place where it broke. */
  again() {
    const pos = this.look().pos;
    this.source(this.url);
    this.seekTo(pos);
  }

  look() {
    const top = this.duration || Infinity;
    const pos = Math.max(0, Math.min(top, Math.round(this.video.currentTime * 1000)));
    return {
      // A place that waits for the media is where it stands.
      pos: this.wanted >= 0 ? this.wanted : pos,
      frames: this.frames(),
      rate: Math.round(this.video.playbackRate * 1000),
    };
  }

  play() {
    const result = this.video.play();
    if (!result || !result.catch) return;
    result.catch((error) => {
      if (error && error.name === 'NotAllowedError' && this.client.playing) this.client.refusedToPlay(now());
    });
  }

  /** A move of our own. @param {number} ms */
  seekTo(ms) {
    if (this.video.readyState === 0) {
      this.wanted = ms;
      return;
    }
    this.wanted = -1;
    if (Math.abs(this.video.currentTime * 1000 - ms) < 20) return;
    this.ownSeek = ms;
    this.video.currentTime = ms / 1000;
  }

  /** The controls ask. @param {number} ms @returns {boolean} */
  maySeek(ms) {
    const client = this.client;
    if (!seekRule(ms, client.covered, client.furthest).ok) {
      this.to.word('seek_refused');
      return false;
    }
    client.progressed(now());
    client.seeked(now(), ms);
    this.ownSeek = ms;
    return true;
  }

  /** A seek that did not come from our controls: a media key, an extension, the console. */
  _seeking() {
    const pos = Math.round(this.video.currentTime * 1000);
    if (this.ownSeek >= 0 && Math.abs(pos - this.ownSeek) < OWN_SEEK_MS) return;
    const client = this.client;
    const rule = seekRule(pos, client.covered, client.furthest);
    if (rule.ok) {
      client.seeked(now(), pos);
      return;
    }
    this.to.word('seek_refused');
    const back = Math.min(rule.edge, client.collector.last);
    client.seeked(now(), back);
    this.seekTo(back);
  }

  get rateMax() {
    return (this.client.seat && this.client.seat.rate_max) || 1000;
  }

  /** @param {number} permille @returns {boolean} */
  mayRate(permille) {
    if (rateAllowed(permille, this.rateMax)) return true;
    this.to.word('rate_refused');
    return false;
  }

  _rateChanged() {
    if (rateAllowed(Math.round(this.video.playbackRate * 1000), this.rateMax)) {
      this.client.rateChanged(now());
      return;
    }
    this.video.playbackRate = this.rateMax / 1000;
    this.to.word('rate_refused');
  }
}
