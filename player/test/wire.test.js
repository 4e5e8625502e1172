/** The frames of tests/vectors/wire.json: what Python writes is understood here, what is said here Python reads. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { createWorld } from './world.js';

const vectors = JSON.parse(readFileSync(new URL('../../tests/vectors/wire.json', import.meta.url), 'utf8'));
/** @param {any} value */
const kind = (value) => (Array.isArray(value) ? 'list' : value === null ? 'null' : typeof value);
/** The example with every field, by kind of frame. @param {string} t */
const whole = (t) => vectors.client.map((/** @type {any} */ one) => one.frame)
  .filter((/** @type {any} */ frame) => frame.t === t)
  .sort((/** @type {any} */ a, /** @type {any} */ b) => Object.keys(b).length - Object.keys(a).length)[0];

/** @param {any} frame */
function fits(frame) {
  const example = whole(frame.t);
  assert.ok(example, `a frame that no example shows: ${frame.t}`);
  for (const [name, value] of Object.entries(frame)) {
    assert.ok(name in example, `${frame.t}.${name} is in no example`);
    const kinds = [kind(example[name]), ...(name === 'span' ? ['list', 'null'] : [])];
    assert.ok(kinds.includes(kind(value)), `${frame.t}.${name} is ${kind(value)}`);
    if (typeof value === 'number') assert.ok(Number.isInteger(value), `${frame.t}.${name} is no integer`);
  }
}

test('what the server writes is understood', () => {
  const told = { welcome: 0, ack: 0, check: 0, verdict: 0, ledger: 0, hold: 0, handover: 0, lost: 0, drain: 0 };
  for (const one of vectors.server) {
    const frame = JSON.parse(one.json);
    assert.deepEqual(frame, one.frame, one.name);
    const world = createWorld();
    world.open(frame.t === 'welcome' ? frame : {});
    world.take();
    if (frame.t !== 'welcome') world.client.frame(world.now, frame);
    const view = world.client.view();
    told[/** @type {keyof typeof told} */ (frame.t)] += 1;
    if (['welcome', 'ledger'].includes(frame.t)) assert.equal(view.final, frame.final_ms, one.name);
    if (['welcome', 'ack', 'ledger'].includes(frame.t)) assert.equal(view.total, frame.total_ms, one.name);
    if (frame.t === 'ack') assert.deepEqual([view.day, view.counting, view.why], [frame.day_ms, frame.counting, frame.why]);
    if (frame.t === 'check') assert.deepEqual(world.checks, [frame.check]);
    if (frame.t === 'verdict') assert.deepEqual(world.verdicts, [frame]);
    if (frame.t === 'hold') assert.equal(Boolean(view.hold), !frame.over);
    if (frame.t === 'handover') assert.deepEqual(world.take().map((sent) => sent.t), ['beat', 'bye']);
    if (frame.t === 'lost') assert.deepEqual(view.lost, frame);
    if (frame.t === 'drain') assert.ok(world.client.drainAt >= world.now);
  }
  assert.ok(Object.values(told).every((count) => count > 0), JSON.stringify(told));
});

test('what is said here has the fields and types of the examples', () => {
  const world = createWorld();
  /** @type {any[]} */
  const said = [];
  const keep = () => said.push(...world.take());
  world.open();
  keep();
  world.ack(1);
  world.pass(3000);
  world.ackAll();
  world.pass(10000);
  keep();
  world.client.socketClosed(world.now, 1006);
  world.pass(20000);
  world.client.socketOpened(world.now);
  keep();
  world.client.frame(world.now, { ...vectors.server.find((/** @type {any} */ one) => one.frame.t === 'welcome').frame });
  world.client.frame(world.now, { t: 'handover', in_ms: 300 });
  keep();
  for (const frame of said) fits(frame);
  const kinds = new Set(said.map((frame) => frame.t));
  assert.ok(['start', 'beat', 'resume', 'bye'].every((t) => kinds.has(t)), [...kinds].join());
  for (const frame of said) {
    const required = vectors.client.filter((/** @type {any} */ one) => one.frame.t === frame.t)
      .map((/** @type {any} */ one) => Object.keys(JSON.parse(one.json)))
      .reduce((/** @type {string[]} */ a, /** @type {string[]} */ b) => a.filter((name) => b.includes(name)));
    for (const name of required) assert.ok(name in frame, `${frame.t}.${name} is missing`);
  }
});

test('what Python refuses is never said: spans stand the right way round and are few', () => {
  const most = 16;
  const world = createWorld();
  world.open();
  world.ack(1);
  for (let n = 0; n < 40; n += 1) {
    world.pass(1000);
    world.client.seeked(world.now, world.pos + 5000);
    world.pos += 5000;
  }
  world.client.socketClosed(world.now, 1006);
  world.pass(20000);
  world.take();
  world.client.socketOpened(world.now);
  const [resume] = world.take('resume');
  assert.equal(resume.spans.length, most);
  for (const [from, to] of resume.spans) assert.ok(from < to);
});
