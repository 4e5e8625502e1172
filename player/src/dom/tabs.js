/** One studying tab a browser: a courtesy of Web Locks and BroadcastChannel. The lease on the server decides. */

const NAME = 'zhenxue-study';
const ASK_AGAIN_MS = 400; // Safari keeps the lock of a page that was just reloaded for a moment

/** @param {() => void} yielded another tab studies now */
export function createTabs(yielded) {
  const locks = /** @type {any} */ (navigator).locks;
  const channel = typeof BroadcastChannel === 'function' ? new BroadcastChannel(NAME) : null;
  /** @type {null|(() => void)} */
  let letGo = null;

  function release() {
    if (letGo) letGo();
    letGo = null;
  }

  if (channel) {
    channel.onmessage = (event) => {
      if (event.data !== 'mine' || !letGo) return;
      release();
      yielded();
    };
  }

  /**
   * @param {object} options
   * @returns {Promise<boolean>}
   */
  function request(options) {
    return new Promise((resolve) => {
      locks.request(NAME, options, (/** @type {any} */ lock) => {
        if (!lock) {
          resolve(false);
          return undefined;
        }
        resolve(true);
        return new Promise((done) => {
          letGo = () => done(undefined);
        });
      }).catch(() => {
        // Stolen by another tab, or refused by the host.
        if (letGo) {
          letGo = null;
          yielded();
        }
        resolve(true);
      });
    });
  }

  return {
    release,
    /**
     * @param {boolean} force take it from the other tab
     * @returns {Promise<boolean>} false: another tab of this browser studies
     */
    async take(force) {
      if (letGo) return true;
      if (!locks) {
        if (force && channel) channel.postMessage('mine');
        return true;
      }
      if (force) {
        if (channel) channel.postMessage('mine');
        await new Promise((done) => setTimeout(done, ASK_AGAIN_MS));
        return (await request({ ifAvailable: true })) || request({ steal: true });
      }
      if (await request({ ifAvailable: true })) return true;
      await new Promise((done) => setTimeout(done, ASK_AGAIN_MS));
      return request({ ifAvailable: true });
    },
    close() {
      release();
      if (channel) channel.close();
    },
  };
}
