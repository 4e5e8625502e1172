/** A world for the machines: a clock that the test turns, a film that plays by it, a server of recorded frames. */

import { Client } from '../src/core/client.js';

/** @param {object} [more] */
export function welcome(more) {
  return Object.assign({
    t: 'welcome', v: 1, fence: 7, nonce: 'n0', token: 'resume-token', lesson: 1, duration_ms: 600000, pos: 0,
    covered: [], total_ms: 0, final_ms: 0, day_ms: 0, cap_ms: 28800000, beat_ms: 10000, first_beat_ms: 3000,
    nudge_ms: 17000, pause_ms: 25000, rate_max: 1000, earns: true, why: '', settled_ms: 0, check: null, face: true,
    complete: false,
  }, more);
}

export function createWorld() {
  const world = {
    now: 1000, pos: 0, frames: 0, rolling: false, sent: /** @type {any[]} */ ([]), dialed: /** @type {string[]} */ ([]),
    tickets: 0, hungUp: 0, saved: /** @type {any} */ (null), notices: /** @type {string[]} */ ([]),
    checks: /** @type {any[]} */ ([]), verdicts: /** @type {any[]} */ ([]), random: 0,
    client: /** @type {Client} */ (/** @type {any} */ (null)),
    /** Lets time pass; the film plays when it was told to. @param {number} ms */
    pass(ms) {
      for (let left = ms; left > 0; left -= 250) {
        const step = Math.min(250, left);
        world.now += step;
        if (world.rolling) {
          world.pos += step;
          world.frames += Math.round(step / 40);
        }
        world.client.tick(world.now);
      }
    },
    /** @param {string} [t] */
    take(t) {
      const all = world.sent;
      world.sent = [];
      return t ? all.filter((frame) => frame.t === t) : all;
    },
    /** @param {object} [more] */
    open(more) {
      world.client.press(world.now);
      world.client.ticket(world.now, { ticket: 'start-ticket', ws: 'wss://host/' });
      world.client.socketOpened(world.now);
      world.client.frame(world.now, welcome(more));
    },
    /** Acknowledges a beat. @param {number} seq @param {object} [more] */
    ack(seq, more) {
      world.client.frame(world.now, Object.assign({
        t: 'ack', seq, nonce: `n${seq}`, durable: seq, stored: 0, total_ms: 0, day_ms: 0, counting: true, why: '',
        complete: false,
      }, more));
    },
    /** Acknowledges whatever was sent so far. @param {object} [more] */
    ackAll(more) {
      world.ack(world.client.outbox.seq, more);
    },
  };
  world.client = new Client({
    look: () => ({ pos: world.pos, frames: world.frames, rate: 1000 }),
    random: () => world.random,
    signals: () => [],
    dial: (url) => world.dialed.push(url),
    send: (frame) => world.sent.push(frame),
    hangup: () => { world.hungUp += 1; },
    fetchTicket: () => { world.tickets += 1; },
    play: () => { world.rolling = true; },
    pause: () => { world.rolling = false; },
    seek: (ms) => { world.pos = ms; },
    save: (saved) => { world.saved = saved; },
    check: (push) => world.checks.push(push),
    verdict: (frame) => world.verdicts.push(frame),
    notice: (key) => world.notices.push(key),
    changed: () => {},
  });
  return world;
}
