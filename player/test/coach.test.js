import assert from 'node:assert/strict';
import test from 'node:test';
import { advise, Coach, measure, SETTLE_MS } from '../src/core/coach.js';
import { say } from '../src/dom/finder.js';

const SIDE = 96;
const SKIN = [196, 140, 110];
const DARK_SKIN = [92, 60, 46];
const WALL = [150, 152, 158];

/**
 * A drawn person: an oval of skin with eyes and mouth, on a wall. Place and size in sides of the square.
 * @param {{x?: number, y?: number, size?: number, skin?: number[], wall?: number[], light?: number, soft?: boolean}} [about]
 */
function person({ x = 0.5, y = 0.5, size = 1, skin = SKIN, wall = WALL, light = 1, soft = false } = {}) {
  const rgba = new Uint8ClampedArray(SIDE * SIDE * 4);
  for (let row = 0; row < SIDE; row += 1) {
    for (let column = 0; column < SIDE; column += 1) {
      const dx = (column / SIDE - x) / (0.2 * size);
      const dy = (row / SIDE - y) / (0.28 * size);
      const feature = !soft && (Math.hypot(Math.abs(dx) - 0.4, dy + 0.2) < 0.16 || (Math.abs(dx) < 0.4 && Math.abs(dy - 0.5) < 0.07));
      const colour = dx * dx + dy * dy < 1 ? (feature ? [40, 30, 30] : skin) : wall;
      for (let part = 0; part < 3; part += 1) rgba[(row * SIDE + column) * 4 + part] = colour[part] * light;
    }
  }
  return rgba;
}

/** @param {Parameters<typeof person>[0]} [about] @param {string|null} [face] */
function sight(about, face = null) {
  return Object.assign(measure(person(about), SIDE), { face });
}

/** @type {Array<[string, Parameters<typeof person>[0]]>} */
const SEEN = [
  ['', {}], ['', { skin: DARK_SKIN }], ['', { x: 0.6 }],
  ['left', { x: 0.2 }], ['right', { x: 0.8 }], ['up', { y: 0.84 }], ['down', { y: 0.16 }],
  ['far', { size: 0.42 }], ['dark', { light: 0.2 }], ['bright', { skin: [255, 245, 235], wall: [255, 255, 255] }],
  ['backlit', { size: 1.4, skin: [40, 26, 20], wall: [230, 230, 235] }], ['blurred', { soft: true, size: 3 }],
];
for (const [word, about] of SEEN) {
  test(`of ${JSON.stringify(about)} the coach says "${word}"`, () => assert.equal(advise(sight(about)), word));
}

test('where skin tones are everywhere, as on a wooden wall, nothing is said of place and distance', () => {
  assert.equal(advise(sight({ x: 0.2, wall: [190, 140, 100] })), '');
});

test('a browser that finds faces is believed about them', () => {
  assert.equal(advise(sight({ x: 0.2 }, '')), '');
  assert.equal(advise(sight({}, 'many')), 'many');
  const face = { x: 0, y: 0, size: 0.9, turn: 0 };
  const more = (/** @type {object} */ other) => Object.assign({}, face, other);
  assert.equal(say([]), 'ready', 'nobody is seen: what to do is what was said first');
  assert.equal(say([face]), '');
  assert.equal(say([face, more({ size: 0.8 })]), 'many');
  assert.equal(say([face, more({ size: 0.3 })]), '', 'somebody at the far end of the room');
  assert.deepEqual([more({ size: 0.3 }), more({ size: 1.7 }), more({ x: -0.8 }), more({ y: 0.9 }), more({ turn: -0.4 })]
    .map((one) => say([one])), ['far', 'near', 'left', 'up', 'ready']);
});

test('what is good goes at once, what is poor after a few seconds all the same', () => {
  const good = new Coach();
  good.begin(0, 60000);
  for (let now = 250; now < SETTLE_MS; now += 250) {
    good.seen(now, sight());
    assert.equal(good.lets(now), false);
  }
  assert.ok(good.lets(SETTLE_MS));
  const poor = new Coach();
  poor.begin(0, 60000);
  let now = 0;
  for (; !poor.lets(now) && now < 20000; now += 250) poor.seen(now, sight({ light: 0.2 }));
  assert.ok(poor.word === 'dark' && now >= 4000 && now <= 5500, `${now} ms`);
});

test('near the end of the window nobody is kept waiting, nor where nothing can be seen', () => {
  const late = new Coach();
  late.begin(0, 4000);
  late.seen(500, sight({ light: 0.2 }));
  assert.ok(late.lets(SETTLE_MS + 500));
  const blind = new Coach();
  blind.begin(0, 60000);
  assert.ok(!blind.lets(SETTLE_MS - 1) && blind.lets(SETTLE_MS));
});

test('a sentence stands long enough to be read: advice that flickers is said once', () => {
  const coach = new Coach();
  coach.begin(0, 60000);
  let said = 0;
  for (let now = 0, turn = 0; now <= 3600; now += 300, turn += 1) {
    if (coach.seen(now, sight(turn % 2 ? { light: 0.2 } : { x: 0.2 }))) said += 1;
  }
  assert.ok(said <= 3, `${said} sentences in 3.6 s`);
});
