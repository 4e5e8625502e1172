import assert from 'node:assert/strict';
import test from 'node:test';
import { delay, meaning, patience } from '../src/core/line.js';
import { createWorld, welcome } from './world.js';

test('close codes are understood by their range', () => {
  for (const code of [1000, 1001, 1006, 1012, 4000, 4003, 4006, 4399]) assert.equal(meaning(code), 'reconnect', String(code));
  for (const code of [4400, 4401, 4402, 4403, 4499]) assert.equal(meaning(code), 'user', String(code));
  for (const code of [4500, 4501, 4502, 4503, 4999]) assert.equal(meaning(code), 'final', String(code));
});

test('the back-off grows, is jittered and has a ceiling', () => {
  assert.equal(delay(0, () => 1), 450);
  assert.equal(delay(3, () => 1), 3250);
  assert.equal(delay(50, () => 1), 10050);
  assert.equal(delay(50, () => 0), 50);
  assert.ok(patience(0) === 3000 && patience(99) === 12000);
});

test('a press fetches a ticket, starts, and plays only after the welcome', () => {
  const world = createWorld();
  world.client.press(world.now);
  assert.equal(world.tickets, 1);
  assert.equal(world.rolling, false);
  world.client.ticket(world.now, { ticket: 'start-ticket', ws: 'wss://host/' });
  assert.deepEqual(world.dialed, ['wss://host/']);
  world.client.socketOpened(world.now);
  assert.deepEqual(world.take(), [{ t: 'start', v: 1, ticket: 'start-ticket' }]);
  world.client.frame(world.now, welcome({ pos: 42000 }));
  assert.equal(world.pos, 42000);
  assert.equal(world.rolling, true);
  const [play] = world.take('beat');
  assert.equal(play.kind, 'play');
  assert.equal(play.seq, 1);
  assert.equal(play.playing, true);
});

test('beats come at the start phase, then one interval apart, and answer the newest word', () => {
  const world = createWorld();
  world.open();
  world.take();
  world.ack(1);
  world.pass(3000);
  const [first] = world.take('beat');
  assert.deepEqual([first.seq, first.kind, first.span, first.ack, first.nonce], [2, 'beat', [0, 3000], 1, 'n1']);
  assert.ok(first.frames > 60);
  world.ack(2);
  world.pass(9750);
  assert.equal(world.take('beat').length, 0);
  world.pass(250);
  assert.deepEqual(world.take('beat')[0].span, [3000, 13000]);
});

test('a lost line is dialled again and resumes with what is not stored, told once', () => {
  const world = createWorld();
  world.open();
  world.ack(1);
  world.pass(3000);
  world.ack(2);
  world.pass(4000);
  world.take();
  world.client.socketClosed(world.now, 1006);
  assert.equal(world.client.state, 'waiting');
  assert.equal(world.rolling, true, 'the buffer plays on');
  world.pass(250);
  assert.equal(world.client.state, 'dialing');
  world.client.socketOpened(world.now);
  const [resume] = world.take();
  assert.equal(resume.t, 'resume');
  assert.deepEqual([resume.token, resume.fence, resume.spans, resume.pos], ['resume-token', 7, [[0, 7250]], 7250]);
  world.client.frame(world.now, welcome({ nonce: 'm0', covered: [[0, 7250]], fence: 8 }));
  assert.equal(world.client.state, 'live');
  const [play] = world.take('beat');
  assert.deepEqual([play.seq, play.span], [1, null]);
  assert.equal(world.tickets, 1, 'a resume needs no ticket');
});

test('a used or expired start ticket is replaced a few times, then waits', () => {
  const world = createWorld();
  world.client.press(world.now);
  for (const tickets of [2, 3]) {
    world.client.ticket(world.now, { ticket: 'start-ticket', ws: 'wss://host/' });
    world.client.socketOpened(world.now);
    world.client.socketClosed(world.now, 4006);
    assert.equal(world.tickets, tickets);
  }
  world.client.ticket(world.now, { ticket: 'start-ticket', ws: 'wss://host/' });
  world.client.socketOpened(world.now);
  world.client.socketClosed(world.now, 4006);
  assert.equal(world.client.state, 'waiting');
});

test('no welcome in time: hang up, and never the same start ticket again', () => {
  const world = createWorld();
  world.client.press(world.now);
  world.client.ticket(world.now, { ticket: 'start-ticket', ws: 'wss://host/' });
  world.client.socketOpened(world.now);
  world.pass(3000);
  assert.equal(world.client.state, 'waiting');
  assert.equal(world.hungUp, 1);
  world.pass(250);
  assert.equal(world.tickets, 2);
});

test('44xx parks until a press, 45xx is the end', () => {
  const taken = createWorld();
  taken.open();
  taken.client.frame(taken.now, { t: 'lost', why: 'taken_over', device: 'phone', at_ms: 1764000000000 });
  taken.client.socketClosed(taken.now, 4400);
  assert.equal(taken.client.state, 'parked');
  assert.equal(taken.rolling, false);
  assert.equal(taken.saved, null, 'a reload must not take the seat back by itself');
  assert.equal(taken.client.view().lost.device, 'phone');
  taken.pass(60000);
  assert.equal(taken.tickets, 1);
  taken.client.press(taken.now);
  assert.equal(taken.tickets, 2);
  const over = createWorld();
  over.open();
  over.client.socketClosed(over.now, 4503);
  assert.equal(over.client.state, 'over');
  over.client.press(over.now);
  assert.equal(over.tickets, 1);
});

test('a handover pauses, tells the rest, says bye, and hangs up when the server does not', () => {
  const world = createWorld();
  world.open();
  world.pass(2000);
  world.take();
  world.client.frame(world.now, { t: 'handover', in_ms: 1500 });
  const frames = world.take();
  assert.deepEqual(frames.map((frame) => frame.kind || frame.t), ['pause', 'bye']);
  assert.deepEqual(frames[0].span, [0, 2000]);
  assert.equal(world.rolling, false);
  world.pass(3000);
  assert.equal(world.client.state, 'parked');
});

test('a drain dials again within the time given, without stopping the picture', () => {
  const world = createWorld();
  world.open();
  world.random = 0.5;
  world.client.frame(world.now, { t: 'drain', in_ms: 2000 });
  world.pass(750);
  assert.equal(world.client.state, 'live');
  world.pass(500);
  assert.notEqual(world.client.state, 'live');
  assert.equal(world.rolling, true);
});

test('a line that answers nothing for 8 s is dead', () => {
  const world = createWorld();
  world.open();
  world.pass(7750);
  assert.equal(world.client.state, 'live');
  world.pass(500);
  assert.notEqual(world.client.state, 'live');
});

test('without durable news: a nudge at 17 s, a stop at 25 s, and on again with the news', () => {
  const world = createWorld();
  world.open();
  world.ackAll({ durable: 0 });
  let stoodAt = 0;
  for (let at = 0; at < 26000; at += 250) {
    world.pass(250);
    world.ackAll({ durable: 0 });
    if (!world.rolling && !stoodAt) stoodAt = at + 250;
  }
  assert.equal(stoodAt, 25000);
  assert.equal(world.client.blocked(), 'durable');
  world.ackAll();
  assert.equal(world.rolling, true);
});

test('the login is gone: parked with a reason; no network: waits and asks again', () => {
  const world = createWorld();
  world.client.press(world.now);
  world.client.ticketFailed(world.now, 'offline');
  assert.equal(world.client.state, 'waiting');
  world.pass(250);
  assert.equal(world.tickets, 2);
  world.client.ticketFailed(world.now, 'login');
  assert.deepEqual([world.client.state, world.client.trouble], ['parked', 'login_ended']);
});

test('a reload goes on with the saved seat, and an expired one asks for a press', () => {
  const before = createWorld();
  before.open();
  before.ack(1);
  before.pass(3500);
  before.client.leave(before.now);
  const saved = before.saved;
  assert.deepEqual([saved.token, saved.fence, saved.pos, saved.playing], ['resume-token', 7, 3500, true]);
  assert.deepEqual(saved.spans, [[0, 3500]]);
  const after = createWorld();
  after.client.restore(after.now, saved, true, false);
  after.client.socketOpened(after.now);
  assert.deepEqual(after.take()[0].spans, [[0, 3500]]);
  after.client.frame(after.now, welcome({ covered: [[0, 3500]] }));
  assert.deepEqual([after.pos, after.rolling], [3500, true]);
  const late = createWorld();
  late.client.restore(late.now, saved, true, false);
  late.client.socketOpened(late.now);
  late.client.socketClosed(late.now, 4006);
  assert.deepEqual([late.client.state, late.client.trouble], ['parked', 'resume_expired']);
});

test('a press after a reload takes the seat from elsewhere, but not when its line came back too late for that', () => {
  const saved = { url: 'ws://one', token: 'resume-token', fence: 7, pos: 0, spans: [], frames: 0, playing: true };
  for (const [waited, pressed, state] of [[29999, true, 'ticket'], [30000, true, 'parked'], [0, false, 'parked']]) {
    const world = createWorld();
    world.client.restore(world.now, saved, true, pressed);
    world.client.socketOpened(world.now);
    world.client.socketClosed(world.now + waited, 4400);
    assert.equal(world.client.state, state);
  }
});

test('the tail of a claim that came too early is claimed again by the next beat, once', () => {
  const world = createWorld();
  world.open();
  world.ack(1);
  world.pass(3000);
  world.ack(2, { short_ms: 80, total_ms: 2920 });
  assert.deepEqual(world.client.covered, [[0, 2920]]);
  world.take();
  world.pass(10000);
  assert.deepEqual(world.take('beat')[0].span, [2920, 13000]);
  world.ack(3, { total_ms: 13000 });
  world.pass(10000);
  assert.deepEqual(world.take('beat')[0].span, [13000, 23000]);
});

test('a tail is never tied to another place, and one of a whole beat is given up', () => {
  const world = createWorld();
  world.open({ covered: [[0, 60000]], pos: 60000 });
  world.ack(1);
  world.pass(3000);
  world.ack(2, { short_ms: 80, total_ms: 2920 });
  world.client.seeked(world.now, 20000);
  world.pos = 20000;
  world.ackAll({ total_ms: 2920 });
  world.take();
  world.pass(10000);
  assert.deepEqual(world.take('beat')[0].span, [20000, 30000]);
  const late = createWorld();
  late.open({ beat_ms: 3000 });
  late.ack(1);
  late.pass(3000);
  late.ack(2, { short_ms: 3000 });
  late.take();
  late.pass(3000);
  assert.deepEqual(late.take('beat')[0].span, [3000, 6000]);
});

test('the beat of a pause counts what was played before it', () => {
  const world = createWorld();
  world.open();
  world.ack(1);
  world.pass(2000);
  world.client.pause(world.now);
  world.ack(2, { total_ms: 2000, counting: false });
  assert.deepEqual(world.client.covered, [[0, 2000]]);
});

test('what was played while a resume was under way is played again, also when it was paused meanwhile', () => {
  // Going on behind it would be a seek ahead: nothing counted any more, to the end of the lesson.
  const world = createWorld();
  world.open();
  world.ack(1);
  world.pass(4000);
  world.client.socketClosed(world.now, 1006);
  world.pass(1000);
  world.client.socketOpened(world.now);
  const resume = world.take('resume')[0];
  world.pass(2000);
  world.client.presenceChanged(world.now, { focused: false });
  assert.equal(world.rolling, false);
  world.client.frame(world.now, welcome({ fence: 8 }));
  assert.equal(world.pos, resume.pos);
  assert.ok(resume.pos >= 4000 && resume.pos < 6000);
});

test('who moved while a resume was under way stays where they went', () => {
  const world = createWorld();
  world.open();
  world.ack(1);
  world.pass(4000);
  world.client.socketClosed(world.now, 1006);
  world.pass(1000);
  world.client.socketOpened(world.now);
  world.pass(1000);
  world.pos = 500;
  world.client.seeked(world.now, 500);
  world.client.frame(world.now, welcome({ fence: 8 }));
  assert.equal(world.pos, 500);
});
