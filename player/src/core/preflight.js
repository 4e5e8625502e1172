/** What the device check finds out, without DOM: verdicts on numbers, and whose advice to show. */

const SLOW_MS = 800;
const SKEW_MS_MAX = 120000; // records carry the server's time; a skewed device only shows wrong hours
const DARK = 45;
const BLACK = 6;
const BRIGHT = 225;

/** @typedef {'wechat'|'android'|'iphone'|'harmony'|'pc'} Host */

/**
 * @param {string} agent
 * @returns {Host}
 */
export function hostOf(agent) {
  if (/MicroMessenger/i.test(agent)) return 'wechat';
  if (/iPhone|iPad|iPod/.test(agent)) return 'iphone';
  if (/ArkWeb|HarmonyOS|OpenHarmony/i.test(agent)) return 'harmony';
  if (/Android/i.test(agent)) return 'android';
  return 'pc';
}

/** Browsers that put their own player over every video, and with it over checks. @param {string} agent */
export function hijacks(agent) {
  return /UCBrowser|MQQBrowser|baiduboxapp|BaiduBrowser/i.test(agent) && !/MicroMessenger/i.test(agent);
}

/** @param {number[]} values not empty */
export function median(values) {
  const sorted = values.slice().sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/**
 * @param {number[]} trips milliseconds of the answered pings
 * @param {number} sent
 * @returns {{good: boolean, why: 'fine'|'slow'|'lossy'|'none', ms: number}}
 */
export function network(trips, sent) {
  if (!trips.length) return { good: false, why: 'none', ms: 0 };
  const ms = Math.round(median(trips));
  if (sent - trips.length > 1) return { good: false, why: 'lossy', ms };
  return ms > SLOW_MS ? { good: false, why: 'slow', ms } : { good: true, why: 'fine', ms };
}

/**
 * The server's Date header has whole seconds: the middle of its second is compared.
 * @param {number} serverMs
 * @param {number} sentMs device clock
 * @param {number} gotMs device clock
 */
export function skew(serverMs, sentMs, gotMs) {
  const ahead = Math.round((sentMs + gotMs) / 2 - (serverMs + 500));
  return { good: Math.abs(ahead) <= SKEW_MS_MAX, ahead };
}

/**
 * @param {number} brightness mean, 0-255
 * @returns {''|'black'|'dark'|'bright'}
 */
export function light(brightness) {
  if (brightness < BLACK) return 'black';
  if (brightness < DARK) return 'dark';
  return brightness > BRIGHT ? 'bright' : '';
}
