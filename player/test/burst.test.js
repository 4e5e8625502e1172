import assert from 'node:assert/strict';
import test from 'node:test';
import { Burst, stills } from '../src/core/burst.js';
import { moves } from '../src/core/moves.js';

const LEFT = 60000;

/** Plays a plan with a camera that answers at once. @param {import('../src/core/burst.js').Step[]} plan */
function play(plan) {
  const burst = new Burst(plan, 0);
  const seen = [[burst.step.name, 0]];
  let now = 0;
  for (; !burst.done && now < LEFT; now += 10) {
    const said = burst.tick(now);
    if (said === 'grab') burst.took(burst.step.name);
    if (said === 'step') seen.push([burst.step.name, now]);
  }
  return { burst, seen, now };
}

for (const [actions, names] of /** @type {Array<[string[], string[]]>} */ ([
  [['left'], ['left']], [['right', 'right'], ['right', 'right']], [['left', 'right', 'left', 'left'], ['left', 'right', 'left', 'left']],
  [['closer', 'left'], ['closer', 'left']], [['left', 'closer', 'right', 'light:0120'], ['left', 'closer', 'right', 'light', 'light', 'light', 'light']], [['left', 'light:012'], ['left', 'light', 'light', 'light']],
])) {
  test(`five to eight frames, at least two straight ahead or with open view, for ${actions.join(' ')}`, () => {
    for (const dice of [0, 0.5, 0.999]) {
      const plan = moves(actions, () => dice, LEFT, false);
      assert.deepEqual(plan.map((step) => step.name).filter((name) => name !== 'back' && name !== 'front'), names);
      const { burst, now } = play(plan);
      assert.ok(burst.frames.length >= 5 && burst.frames.length <= 8, `${burst.frames.length} frames`);
      assert.ok(now < 25000, `${now} ms`);
      assert.equal(burst.shots.filter((shot) => shot[1] === -1).length >= 1, true);
      actions.forEach((_action, index) => assert.ok(burst.shots.some((shot) => shot[1] === index), `action ${index}`));
    }
  });
}

test('frames of an action come at random moments, after everybody had the time to read it', () => {
  const early = moves(['left', 'right'], () => 0, LEFT, false);
  const late = moves(['left', 'right'], () => 0.999, LEFT, false);
  early.forEach((step, index) => {
    assert.deepEqual([step.name, step.ms], [late[index].name, late[index].ms]);
    step.at.forEach((at, shot) => assert.ok(at < late[index].at[shot] && late[index].at[shot] < step.ms));
  });
  assert.ok(early[1].at[0] >= 1000);
});

test('near the end of the window the actions hurry, but never beyond what people can follow', () => {
  const sum = (/** @type {number} */ left) => moves(['left', 'right'], () => 0.5, left, false).reduce((all, step) => all + step.ms, 0);
  assert.ok(sum(12000) < sum(LEFT) && sum(12000) <= 9000);
  assert.equal(sum(1000), sum(0));
  assert.ok(sum(0) >= 0.59 * sum(LEFT));
});

test('the screen changes less than three times a second, and slower for who asked for less motion', () => {
  for (const [calm, least] of /** @type {Array<[boolean, number]>} */ ([[false, 700], [true, 1200]])) {
    const { seen } = play(moves(['light:01201'], () => 0.5, LEFT, calm));
    const lights = seen.filter((one) => one[0] === 'light').map((one) => Number(one[1]));
    lights.slice(1).forEach((at, index) => assert.ok(at - lights[index] >= least, `${at - lights[index]} ms`));
    assert.equal(lights.length, 5);
  }
});

test('one frame of each light, while it shines', () => {
  const plan = moves(['light:0120'], () => 0.5, LEFT, false);
  const { burst } = play(plan);
  assert.equal(burst.frames.filter((frame) => frame === 'light').length, 4);
  assert.deepEqual(plan.map((step) => step.shine).join(''), '0120');
});

test('a slow camera delays the steps, it never puts a frame under the wrong action', () => {
  const burst = new Burst(moves(['left', 'right'], () => 0.5, LEFT, false), 0);
  let asked = -1;
  for (let now = 0; !burst.done; now += 10) {
    if (asked >= 0 && now - asked > 700) {
      burst.took(burst.step.action);
      asked = -1;
    }
    if (burst.tick(now) === 'grab') asked = now;
  }
  burst.shots.forEach((shot, index) => assert.equal(shot[1], burst.frames[index]));
});

test('steps are counted as the learner does them', () => {
  const burst = new Burst(moves(['left', 'light:01', 'right'], () => 0.5, LEFT, false), 0);
  const parts = burst.steps.map((_step, index) => {
    burst.index = index;
    return burst.part.join('/');
  });
  assert.deepEqual(parts, ['1/4', '2/4', '2/4', '3/4', '3/4', '4/4', '4/4']);
  assert.deepEqual(new Burst(stills(), 0).part, [1, 1]);
});

test('an action that this player does not know is passed over', () => {
  assert.deepEqual(moves(['nod', 'left'], () => 0.5, LEFT, false).map((step) => step.action), [-1, 1, -1]);
});
