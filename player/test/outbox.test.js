import assert from 'node:assert/strict';
import test from 'node:test';
import { Collector, JUMP_MS } from '../src/core/collector.js';
import { Outbox, SPANS_MAX } from '../src/core/outbox.js';

/** @param {[number, number]|null} span @param {object} [more] */
function draft(span, more) {
  return Object.assign({
    kind: 'beat', pos: span ? span[1] : 0, span, frames: 25, playing: true, visible: true, focused: true, pip: false,
    rate: 1000, signals: [],
  }, more);
}

test('contiguous media is one span; a jump and a step back cut it', () => {
  const run = new Collector();
  run.open(1000, 0);
  assert.equal(run.look(2000, 1000, 1000), false);
  assert.equal(run.look(3000 + JUMP_MS, 2000, 1000), false, 'a late look is no jump');
  assert.equal(run.look(60000, 3000, 1000), true);
  run.look(61000, 4000, 1000);
  assert.equal(run.look(500, 5000, 1000), true);
  run.close();
  assert.deepEqual(run.take(), [[1000, 3000 + JUMP_MS], [60000, 61000]]);
  assert.deepEqual(run.take(), []);
});

test('taking from a running one goes on without a hole', () => {
  const run = new Collector();
  run.open(0, 0);
  run.look(700, 700, 1000);
  assert.deepEqual(run.take(), [[0, 700]]);
  run.look(1500, 1500, 1000);
  run.close();
  assert.deepEqual(run.take(), [[700, 1500]]);
});

test('beats are numbered from 1 on each connection and repeat the newest word', () => {
  const box = new Outbox();
  box.welcome(0, 'n0');
  box.put(draft([0, 1000]));
  assert.deepEqual(box.flush(0).map((frame) => [frame.t, frame.seq, frame.ack, frame.nonce]), [['beat', 1, 0, 'n0']]);
  box.acked({ seq: 1, nonce: 'n1', durable: 0, stored: 0 }, 10);
  box.put(draft([1000, 2000]));
  assert.deepEqual(box.flush(20).map((frame) => [frame.seq, frame.ack, frame.nonce]), [[2, 1, 'n1']]);
  box.welcome(30, 'm0');
  box.put(draft(null));
  assert.deepEqual(box.flush(40).map((frame) => [frame.seq, frame.ack, frame.nonce]), [[1, 0, 'm0']]);
});

test('no more than six beats without an answer, in order', () => {
  const box = new Outbox();
  box.welcome(0, 'n0');
  for (let at = 0; at < 10; at += 1) box.put(draft([at * 100, at * 100 + 100]));
  assert.deepEqual(box.flush(0).map((frame) => frame.seq), [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(box.flush(5000), []);
  box.acked({ seq: 4, nonce: 'n4', durable: 0, stored: 0 }, 10);
  assert.deepEqual(box.flush(5000).map((frame) => frame.seq), [7, 8, 9, 10]);
});

test('a burst is paced to one beat a second: the server allows 90 a minute', () => {
  const box = new Outbox();
  box.welcome(0, 'n0');
  let sent = 0;
  for (let now = 0; now < 60000; now += 100) {
    box.put(draft(null, { kind: 'seek' }));
    for (const frame of box.flush(now)) {
      sent += 1;
      box.acked({ seq: frame.seq, nonce: 'n', durable: 0, stored: 0 }, now);
    }
  }
  assert.ok(sent <= 80 && sent >= 75, String(sent));
});

test('spans are kept until they are stored, and merged for the resume frame', () => {
  const box = new Outbox();
  box.welcome(0, 'n0');
  for (const span of /** @type {[number, number][]} */ ([[0, 1000], [1000, 2000], [5000, 6000]])) box.put(draft(span));
  box.flush(0);
  box.put(draft([6000, 6500]));
  assert.deepEqual(box.unstored(), { spans: [[0, 2000], [5000, 6500]], frames: 100 });
  box.acked({ seq: 3, nonce: 'n3', durable: 2, stored: 1 }, 10);
  assert.deepEqual(box.unstored(), { spans: [[1000, 2000], [5000, 6500]], frames: 75 });
  box.shelve([8000, 9000], 5);
  box.welcome(20, 'm0');
  assert.deepEqual(box.unstored(), { spans: [[1000, 2000], [5000, 6500], [8000, 9000]], frames: 80 });
  // The first beat of the new connection stands for all of it.
  box.put(draft(null, { frames: 0 }));
  box.flush(30);
  box.acked({ seq: 1, nonce: 'm1', durable: 1, stored: 1 }, 40);
  assert.deepEqual(box.unstored().spans, []);
});

test('a resume frame holds at most 16 spans, the longest', () => {
  const box = new Outbox();
  box.welcome(0, 'n0');
  for (let at = 0; at < 40; at += 1) box.shelve([at * 1000, at * 1000 + 100 + at], 0);
  const { spans } = box.unstored();
  assert.equal(spans.length, SPANS_MAX);
  assert.deepEqual(spans[0], [24000, 24124]);
});

test('hours without storing cost no media', () => {
  const box = new Outbox();
  box.welcome(0, 'n0');
  for (let at = 0; at < 1000; at += 1) {
    box.put(draft([at * 1000, at * 1000 + 1000]));
    for (const frame of box.flush(at * 1000)) box.acked({ seq: frame.seq, nonce: 'n', durable: 0, stored: 0 }, at * 1000);
  }
  assert.ok(box.told.length <= 201);
  assert.deepEqual(box.unstored().spans, [[0, 1000000]]);
});
