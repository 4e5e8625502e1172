import assert from 'node:assert/strict';
import test from 'node:test';
import { Check, FRAMES, FRAME_GAP_MS, SETTLE_MS } from '../src/core/check.js';

/** @param {object} [more] */
function push(more) {
  return Object.assign({
    id: 'c1', kind: 'random', nonce: 'x', left_ms: 60000, try_number: 1, tries_left: 2, ticket: 't1', upload: '/u',
  }, more);
}

function createBooth() {
  const booth = {
    now: 0, opened: 0, closed: 0, grabs: 0,
    uploads: /** @type {any[]} */ ([]), sheets: /** @type {any[]} */ ([]),
    check: /** @type {Check} */ (/** @type {any} */ (null)),
    /** @param {number} ms @param {boolean} [live] */
    pass(ms, live = true) {
      for (let left = ms; left > 0; left -= 50) {
        booth.now += Math.min(50, left);
        booth.check.tick(booth.now, live);
      }
    },
    shoot() {
      booth.check.cameraReady(booth.now);
      booth.pass(SETTLE_MS);
      for (let frame = 0; frame < FRAMES; frame += 1) {
        booth.pass(FRAME_GAP_MS + 50);
        booth.check.grabbed(booth.now, `frame${frame}`);
      }
    },
    /** @param {object} more */
    verdict(more) {
      booth.check.verdict(booth.now, Object.assign(
        { t: 'verdict', check: 'c1', outcome: 'passed', detail: '', decided: true, go_on: true, next: null }, more));
    },
  };
  booth.check = new Check({
    openCamera: () => { booth.opened += 1; },
    closeCamera: () => { booth.closed += 1; },
    grab: () => { booth.grabs += 1; },
    upload: (check, frames, source) => booth.uploads.push([check.ticket, frames.slice(), source]),
    sheet: (...said) => booth.sheets.push(said),
    changed: () => {},
  });
  return booth;
}

test('the camera opens only on a press, or where it was allowed before', () => {
  const shy = createBooth();
  shy.check.pending(0, push(), false);
  assert.deepEqual([shy.check.stage, shy.opened, shy.sheets], ['ask', 0, [['c1', 'open']]]);
  shy.check.start(0);
  shy.check.start(0);
  assert.deepEqual([shy.check.stage, shy.opened], ['camera', 1]);
  const known = createBooth();
  known.check.pending(0, push(), true);
  assert.equal(known.opened, 1);
});

test('three frames, one upload, a verdict, and the camera is off', () => {
  const booth = createBooth();
  booth.check.pending(0, push(), true);
  booth.shoot();
  assert.equal(booth.grabs, FRAMES);
  assert.deepEqual(booth.uploads, [['t1', ['frame0', 'frame1', 'frame2'], 'camera']]);
  booth.check.uploaded(booth.now, 202, '');
  assert.equal(booth.check.stage, 'judging');
  booth.verdict({});
  assert.deepEqual([booth.check.stage, booth.check.outcome, booth.closed], ['result', 'passed', 1]);
  booth.check.close();
  assert.equal(booth.check.stage, 'none');
});

test('a failed upload is repeated with the same pictures, a refused one asks for new ones', () => {
  const booth = createBooth();
  booth.check.pending(0, push(), true);
  booth.shoot();
  for (const status of [0, 503, 429]) booth.check.uploaded(booth.now, status, '');
  booth.pass(3000);
  assert.equal(booth.uploads.length, 2);
  assert.deepEqual(booth.uploads[1], booth.uploads[0]);
  booth.check.uploaded(booth.now, 409, 'judged');
  assert.equal(booth.check.stage, 'judging');
  const poor = createBooth();
  poor.check.pending(0, push(), true);
  poor.shoot();
  poor.check.uploaded(poor.now, 413, 'too_large');
  assert.deepEqual([poor.check.stage, poor.check.why], ['again', 'bad_picture']);
});

test('a reconnect sends the same burst again, under the new ticket; an accepted one only waits', () => {
  const booth = createBooth();
  booth.check.pending(0, push(), true);
  booth.shoot();
  booth.check.pending(booth.now, push({ ticket: 't2', left_ms: 50000 }), false);
  assert.deepEqual(booth.uploads.map((upload) => upload[0]), ['t1', 't2']);
  booth.check.uploaded(booth.now, 202, '');
  booth.check.pending(booth.now, push({ ticket: 't3', left_ms: 40000 }), false);
  assert.deepEqual([booth.uploads.length, booth.check.stage], [2, 'judging']);
});

test('an unclear try leads to the next one, with its words and its own ticket', () => {
  const booth = createBooth();
  booth.check.pending(0, push(), true);
  booth.shoot();
  booth.check.uploaded(booth.now, 202, '');
  booth.verdict({
    outcome: 'unclear', detail: 'dark', decided: false, next: push({ try_number: 2, tries_left: 1, ticket: 't2' }),
  });
  assert.deepEqual([booth.check.stage, booth.check.why], ['again', 'dark']);
  booth.check.start(booth.now);
  assert.equal(booth.opened, 1, 'the camera is still on');
  booth.shoot();
  assert.equal(booth.uploads[1][0], 't2');
});

test('no camera: another way, a picture from a file, or a person', () => {
  for (const why of ['denied', 'in_use', 'none', 'black', 'frozen', 'unsupported']) {
    const booth = createBooth();
    booth.check.pending(0, push(), true);
    booth.check.cameraFailed(why);
    assert.equal(booth.check.stage, 'other');
    booth.check.decline();
    assert.deepEqual(booth.sheets.slice(1), [['c1', 'no_camera', why], ['c1', 'declined', why]]);
    assert.equal(booth.check.stage, 'judging');
  }
  const file = createBooth();
  file.check.pending(0, push(), true);
  file.check.cameraFailed('unsupported');
  file.check.picked(file.now, ['one']);
  assert.deepEqual(file.uploads, [['t1', ['one'], 'file']]);
  const free = createBooth();
  free.check.pending(0, push(), false);
  free.check.otherWay();
  free.check.decline();
  assert.deepEqual(free.sheets.slice(1), [['c1', 'declined', 'other_way']]);
});

test('a declined check is told again after a reconnect: the line may have swallowed it', () => {
  const booth = createBooth();
  booth.check.pending(0, push(), false);
  booth.check.otherWay();
  booth.check.decline();
  booth.sheets.length = 0;
  booth.check.pending(booth.now, push({ ticket: 't2' }), false);
  assert.deepEqual([booth.sheets, booth.check.stage], [[['c1', 'declined', 'other_way']], 'judging']);
});

test('the ring stands still while the line is down and while a burst is judged', () => {
  const booth = createBooth();
  booth.check.pending(0, push(), false);
  booth.pass(10000);
  assert.equal(booth.check.left(booth.now), 50000);
  booth.pass(10000, false);
  assert.ok(booth.check.left(booth.now) >= 49900);
  booth.check.pending(booth.now, push({ left_ms: 48000 }), false);
  assert.equal(booth.check.left(booth.now), 48000);
});

test('a verdict of another check, and a frame that comes too late, change nothing', () => {
  const booth = createBooth();
  booth.check.pending(0, push(), true);
  booth.verdict({ check: 'old' });
  booth.check.grabbed(booth.now, 'late');
  assert.deepEqual([booth.check.stage, booth.check.frames], ['camera', []]);
  booth.check.pending(booth.now, null, false);
  assert.deepEqual([booth.check.stage, booth.closed], ['none', 1]);
  booth.check.cameraReady(booth.now);
  assert.equal(booth.closed, 2, 'nobody waits for this camera any more');
});

test('a page that comes back while its burst is judged waits, and takes no other', () => {
  const booth = createBooth();
  booth.check.pending(0, push({ judging: true, left_ms: 0 }), true);
  booth.check.start(0);
  booth.pass(5000);
  assert.deepEqual([booth.check.stage, booth.opened, booth.uploads], ['judging', 0, []]);
  booth.verdict({ outcome: 'unclear', decided: false, next: push({ try_number: 2, ticket: 't2' }) });
  assert.equal(booth.check.stage, 'again');
  booth.check.pending(booth.now, push({ try_number: 2, ticket: 't3', judging: true }), true);
  booth.verdict({});
  assert.deepEqual([booth.check.stage, booth.uploads], ['result', []]);
});
