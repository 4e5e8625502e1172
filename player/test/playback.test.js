import assert from 'node:assert/strict';
import test from 'node:test';
import { Presence } from '../src/core/presence.js';
import { rateAllowed, seek } from '../src/core/playback.js';
import { createWorld } from './world.js';

test('presence: hidden before picture-in-picture before blur', () => {
  const page = new Presence();
  assert.equal(page.why, '');
  assert.equal(page.change({ focused: false }), 'blur');
  assert.equal(page.change({ visible: false }), 'hide');
  assert.equal(page.change({ pip: true }), '');
  assert.equal(page.change({ visible: true }), 'pip');
  assert.equal(page.change({ pip: false }), 'blur');
  assert.equal(page.change({ focused: true }), 'show');
});

test('presence: our own prompts take the focus without a leave, but never hide a hidden page', () => {
  const page = new Presence();
  page.prompt(true, true);
  assert.equal(page.change({ focused: false }), '');
  assert.equal(page.change({ visible: false }), 'hide');
  assert.equal(page.change({ visible: true }), 'show');
  assert.equal(page.prompt(false, true), '');
  assert.equal(page.why, '');
  page.prompt(true, true);
  page.change({ focused: false });
  assert.equal(page.prompt(false, false), 'blur', 'the focus did not come back');
});

test('presence: a short leave stays in the stretch that it was in', () => {
  const page = new Presence();
  page.change({ focused: false });
  page.remember();
  page.change({ focused: true });
  page.remember();
  assert.deepEqual(page.take(), { visible: true, focused: false, pip: false });
  assert.deepEqual(page.take(), { visible: true, focused: true, pip: false });
});

test('each leave pauses at once and tells why; coming back resumes silently', () => {
  for (const [change, kind, why] of /** @type {any[]} */ ([
    [{ visible: false }, 'hide', 'hidden'], [{ focused: false }, 'blur', 'blurred'],
    [{ pip: true }, 'pip', 'picture_in_picture'],
  ])) {
    const world = createWorld();
    world.open();
    world.ackAll();
    world.pass(1000);
    world.take();
    world.client.presenceChanged(world.now, change);
    assert.equal(world.rolling, false, kind);
    const [left] = world.take('beat');
    assert.deepEqual([left.kind, left.span, left.playing], [kind, [0, 1000], false]);
    assert.equal(world.client.view().blocked, why);
    world.ackAll();
    world.client.presenceChanged(world.now, { visible: true, focused: true, pip: false });
    assert.equal(world.rolling, true, kind);
    const [back] = world.take('beat');
    assert.deepEqual([back.kind, back.playing, back.span], ['show', true, null]);
  }
});

test('a browser that pauses just before it says "hidden" did not pause for the learner', () => {
  const world = createWorld();
  world.open();
  world.pass(1000);
  world.client.stoppedByOthers(world.now);
  world.now += 300;
  world.client.presenceChanged(world.now, { visible: false });
  world.client.presenceChanged(world.now, { visible: true });
  assert.equal(world.rolling, true);
  world.client.stoppedByOthers(world.now);
  world.now += 5000;
  world.client.presenceChanged(world.now, { visible: false });
  world.client.presenceChanged(world.now, { visible: true });
  assert.equal(world.rolling, false, 'a headset button is a pause');
});

test('a check and a hold stop playback until they are over', () => {
  const world = createWorld();
  world.open();
  world.client.frame(world.now, { t: 'check', check: { id: 'c1', try_number: 1, left_ms: 60000 } });
  assert.deepEqual([world.rolling, world.client.blocked()], [false, 'check']);
  world.client.press(world.now);
  assert.equal(world.rolling, false);
  world.client.frame(world.now, { t: 'verdict', check: 'c1', outcome: 'passed', detail: '', decided: true, go_on: true });
  assert.equal(world.rolling, true);
  world.client.frame(world.now, { t: 'hold', why: 'journal' });
  assert.deepEqual([world.rolling, world.client.blocked()], [false, 'hold']);
  world.client.frame(world.now, { t: 'hold', why: 'journal', over: true });
  assert.equal(world.rolling, true);
});

test('a missed check must be taken first: the press asks the server for it', () => {
  const world = createWorld();
  world.open();
  world.client.frame(world.now, { t: 'check', check: { id: 'c1', try_number: 1, left_ms: 60000 } });
  world.client.frame(world.now, { t: 'verdict', check: 'c1', outcome: 'missed', detail: '', decided: true, go_on: false });
  assert.deepEqual([world.rolling, world.client.blocked()], [false, 'check_missed']);
  world.take();
  world.client.press(world.now);
  assert.deepEqual(world.take(), [{ t: 'sheet', check: 'c1', state: 'open', why: '' }]);
  assert.equal(world.rolling, false);
});

test('a seek back tells what was played, then goes on from there', () => {
  const world = createWorld();
  world.open({ covered: [[0, 60000]], pos: 60000 });
  world.ackAll();
  world.pass(2000);
  world.take();
  world.client.progressed(world.now);
  world.client.seeked(world.now, 10000);
  world.pos = 10000;
  world.pass(1000);
  world.client.pause(world.now);
  assert.deepEqual(world.take('beat').map((beat) => [beat.kind, beat.span]), [
    ['seek', [60000, 62000]], ['beat', [10000, 11000]], ['pause', null],
  ]);
});

test('a jump that nobody asked for is never told as one run', () => {
  const world = createWorld();
  world.open();
  world.pass(1000);
  world.take();
  world.pos += 50000;
  world.pass(500);
  world.client.pause(world.now);
  const spans = world.take('beat').map((beat) => beat.span).filter(Boolean);
  assert.ok(spans.every(([from, to]) => to - from <= 1500), JSON.stringify(spans));
});

test('the end is told, and pressing again starts over', () => {
  const world = createWorld();
  world.open({ pos: 598000, covered: [[0, 598000]] });
  world.ackAll();
  world.pass(2000);
  world.take();
  world.client.reachedEnd(world.now);
  assert.deepEqual(world.take('beat').map((beat) => [beat.kind, beat.span, beat.playing]), [['end', [598000, 600000], false]]);
  world.client.press(world.now);
  assert.deepEqual([world.pos, world.rolling], [0, true]);
});

test('another tab of this browser takes over: a last beat, bye, and nothing dials again', () => {
  const world = createWorld();
  world.open();
  world.pass(1000);
  world.take();
  world.client.yieldToTab(world.now);
  assert.deepEqual(world.take().map((frame) => frame.kind || frame.t), ['pause', 'bye']);
  assert.deepEqual([world.client.state, world.client.trouble, world.rolling], ['parked', 'tab', false]);
  world.pass(60000);
  assert.equal(world.dialed.length, 1);
});

test('courtesy: back is free, ahead of what was seen is refused, and so is speed above the policy', () => {
  assert.deepEqual(seek(59000, [[0, 60000]], 0), { ok: true, edge: 60000 });
  assert.equal(seek(61000, [[0, 60000]], 0).ok, true, 'a tap lands a little beside the edge');
  assert.deepEqual(seek(61001, [[0, 60000]], 0), { ok: false, edge: 60000 });
  assert.equal(seek(75000, [[0, 60000]], 74500).ok, true);
  assert.deepEqual([rateAllowed(1000, 1000), rateAllowed(1001, 1000), rateAllowed(750, 1000), rateAllowed(0, 1000)],
    [true, false, true, false]);
});
