import assert from 'node:assert/strict';
import test from 'node:test';
import { FRAME_GAP_MS, stills } from '../src/core/burst.js';
import { Check } from '../src/core/check.js';
import { SETTLE_MS } from '../src/core/coach.js';
import { moves } from '../src/core/moves.js';

const FRAMES = 3;

/** @param {object} [more] */
function push(more) {
  return Object.assign({
    id: 'c1', kind: 'random', nonce: 'x', left_ms: 60000, try_number: 1, tries_left: 2, ticket: 't1', upload: '/u',
  }, more);
}

function createBooth() {
  const booth = {
    now: 0, opened: 0, closed: 0, grabs: 0, roomOpen: true, given: 0, camera: false,
    uploads: /** @type {any[]} */ ([]), sheets: /** @type {any[]} */ ([]),
    check: /** @type {Check} */ (/** @type {any} */ (null)),
    /** @param {number} ms @param {boolean} [live] */
    pass(ms, live = true) {
      for (let left = ms; left > 0; left -= 50) {
        booth.now += Math.min(50, left);
        booth.check.tick(booth.now, live);
        if (booth.camera && booth.grabs > booth.given) {
          booth.check.grabbed(booth.now, `frame${booth.given % 8}`);
          booth.given += 1;
        }
      }
    },
    /** The camera gives what it is asked for until the burst is on its way. @param {number} [ms] */
    shoot(ms = SETTLE_MS + 2 * FRAME_GAP_MS + 300) {
      booth.check.cameraReady(booth.now);
      booth.camera = true;
      booth.given = booth.grabs;
      booth.pass(ms);
      booth.camera = false;
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
    upload: (check, burst) => booth.uploads.push([check.ticket, burst.frames.slice(), burst.source, burst.shots]),
    plan: (check, left) => (check.way !== 'active' ? stills()
      : booth.roomOpen ? moves(check.actions, () => 0.5, left, false) : null),
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
  const [[ticket, frames, source, shots]] = booth.uploads;
  assert.deepEqual([ticket, frames, source], ['t1', ['frame0', 'frame1', 'frame2'], 'camera']);
  assert.deepEqual(shots.map((/** @type {number[]} */ shot) => shot[1]), [-1, -1, -1]);
  assert.ok(shots[0][0] === 0 && shots[2][0] >= 2 * FRAME_GAP_MS);
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
  assert.deepEqual(file.uploads, [['t1', ['one'], 'file', []]]);
  const code = createBooth();
  code.check.pending(0, push(), true);
  code.check.cameraFailed('denied');
  code.check.decline('other_way');
  assert.deepEqual(code.sheets.slice(1), [['c1', 'no_camera', 'denied'], ['c1', 'declined', 'other_way']]);
});

test('a declined check is told again after a reconnect: the line may have swallowed it', () => {
  const booth = createBooth();
  booth.check.pending(0, push(), false);
  booth.check.decline('other_way');
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

/** @param {object} [more] */
function activePush(more) {
  return push(Object.assign({ way: 'active', actions: ['left', 'right'] }, more));
}

test('an active burst goes straight ahead, then through the actions in their order, five to eight frames', () => {
  const booth = createBooth();
  booth.check.pending(0, activePush(), true);
  booth.shoot(16000);
  const [[, frames, , shots]] = booth.uploads;
  assert.ok(frames.length >= 5 && frames.length <= 8 && frames.length === shots.length);
  const order = shots.map((/** @type {number[]} */ shot) => shot[1])
    .filter((/** @type {number} */ action, /** @type {number} */ at, /** @type {number[]} */ all) => action !== all[at - 1]);
  assert.deepEqual(order, [-1, 0, -1, 1, -1]);
  const times = shots.map((/** @type {number[]} */ shot) => shot[0]);
  assert.deepEqual(times, times.slice().sort((/** @type {number} */ a, /** @type {number} */ b) => a - b));
});

test('while the words of the movements are on their way nothing is asked and nothing is taken', () => {
  const booth = createBooth();
  booth.roomOpen = false;
  booth.check.pending(0, activePush(), true);
  booth.shoot(9000);
  assert.deepEqual([booth.check.stage, booth.grabs], ['ready', 0]);
  booth.roomOpen = true;
  booth.camera = true;
  booth.pass(16000);
  assert.equal(booth.uploads.length, 1);
});

test('who cannot do a movement says so: the camera stays, and three stills follow at once', () => {
  const booth = createBooth();
  booth.check.pending(0, activePush(), true);
  booth.shoot(3000);
  assert.equal(booth.check.stage, 'shooting');
  booth.check.decline('cannot_act');
  assert.deepEqual([booth.sheets[1], booth.closed], [['c1', 'declined', 'cannot_act'], 0]);
  booth.check.grabbed(booth.now, 'late');
  booth.check.cameraFailed('frozen');
  assert.equal(booth.check.stage, 'judging', 'a picture that was on its way changes nothing');
  booth.check.pending(booth.now, push({ way: 'routine', try_number: 2, ticket: 't2', left_ms: 50000 }), false);
  assert.deepEqual([booth.check.stage, booth.opened], ['ready', 1]);
  booth.shoot();
  assert.deepEqual([booth.uploads[0][0], booth.uploads[0][1].length], ['t2', FRAMES]);
});

test('another way in the middle of a burst: the camera goes off, the form comes, its answer is judged', () => {
  const booth = createBooth();
  booth.check.pending(0, activePush(), true);
  booth.shoot(3000);
  booth.check.decline('other_way');
  assert.deepEqual([booth.sheets[1], booth.closed], [['c1', 'declined', 'other_way'], 1]);
  booth.check.pending(booth.now, push({ way: 'code', ticket: 't2', left_ms: 50000 }), false);
  assert.equal(booth.check.stage, 'code', 'the same number of the try, but another way');
  booth.check.pending(booth.now, push({ way: 'code', ticket: 't3', left_ms: 49000 }), false);
  assert.deepEqual([booth.check.stage, booth.check.push.ticket], ['code', 't3'], 'a reconnect keeps the form');
  booth.check.answered(booth.now, true);
  booth.check.pending(booth.now, push({ way: 'code', ticket: 't4', left_ms: 48000 }), false);
  assert.equal(booth.check.stage, 'judging', 'nothing is asked twice');
  booth.verdict({ outcome: 'unclear', decided: false, next: push({ way: 'code', try_number: 2, ticket: 't5' }) });
  assert.equal(booth.check.stage, 'code');
  booth.verdict({});
  assert.deepEqual([booth.check.stage, booth.opened, booth.uploads], ['result', 1, []]);
});

test('a code that came too late leads back to the form when the check is still open', () => {
  const booth = createBooth();
  booth.check.pending(0, push({ way: 'code' }), true);
  assert.deepEqual([booth.check.stage, booth.opened, booth.sheets], ['code', 0, [['c1', 'open']]]);
  booth.check.answered(booth.now, false);
  assert.equal(booth.check.stage, 'judging');
  booth.check.pending(booth.now, push({ way: 'code', ticket: 't2' }), false);
  assert.equal(booth.check.stage, 'code');
});

test('a grey routine try is followed by an active one that says what comes', () => {
  const booth = createBooth();
  booth.check.pending(0, push(), true);
  booth.shoot();
  booth.check.uploaded(booth.now, 202, '');
  booth.verdict({
    outcome: 'unclear', detail: 'not_sure', decided: false, next: activePush({ try_number: 2, ticket: 't2' }),
  });
  assert.deepEqual([booth.check.stage, booth.check.way, booth.check.why], ['again', 'active', 'not_sure']);
  booth.check.start(booth.now);
  booth.shoot(16000);
  assert.equal(booth.uploads[1][0], 't2');
});

test('a burst that is on its way may still be left for another way; what was accepted not', () => {
  const booth = createBooth();
  booth.check.pending(0, push(), true);
  booth.shoot();
  booth.check.decline('other_way');
  booth.check.uploaded(booth.now, 202, '');
  assert.equal(booth.check.declined, 'other_way');
  const late = createBooth();
  late.check.pending(0, push(), true);
  late.shoot();
  late.check.uploaded(late.now, 202, '');
  late.check.decline('other_way');
  assert.deepEqual([late.check.declined, late.sheets.length], ['', 1]);
});
