/** Monotonic milliseconds and the tick that a hidden tab does not stop. */

/** @returns {number} */
export function now() {
  return Math.round(performance.now());
}

/**
 * @param {string} base address of the player's modules
 * @param {() => void} tick
 * @returns {() => void} stops it
 */
export function startClock(base, tick) {
  let timer = 0;
  /** @type {Worker|null} */
  let worker = null;
  const plain = () => {
    if (!timer) timer = window.setInterval(tick, 250);
  };
  try {
    worker = new Worker(`${base}dom/clock.worker.js`);
    worker.onmessage = tick;
    worker.onerror = plain; // some hosts forbid workers: a slower clock is better than none
  } catch (error) {
    plain();
  }
  return () => {
    if (worker) worker.terminate();
    clearInterval(timer);
  };
}
