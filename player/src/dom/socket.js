/** One WebSocket at a time; events of an old one are never heard. */

/**
 * @param {{opened: () => void, frame: (frame: any) => void, closed: (code: number) => void}} to
 */
export function createSocket(to) {
  /** @type {WebSocket|null} */
  let socket = null;

  function hangup() {
    const old = socket;
    socket = null;
    if (!old) return;
    old.onopen = old.onmessage = old.onclose = old.onerror = null;
    try {
      old.close(1000);
    } catch (error) {
      // It never opened.
    }
  }

  /** @param {string} url */
  function dial(url) {
    hangup();
    try {
      socket = new WebSocket(url);
    } catch (error) {
      // A blocked or wrong address fails like a dead line: the machine backs off.
      setTimeout(() => to.closed(1006), 0);
      return;
    }
    socket.onopen = () => to.opened();
    socket.onmessage = (event) => {
      let frame = null;
      try {
        frame = JSON.parse(event.data);
      } catch (error) {
        return;
      }
      if (frame && typeof frame.t === 'string') to.frame(frame);
    };
    socket.onclose = (event) => {
      socket = null;
      to.closed(event.code);
    };
  }

  return {
    dial,
    hangup,
    /** @param {object} frame */
    send(frame) {
      if (socket && socket.readyState === 1) socket.send(JSON.stringify(frame));
    },
  };
}
