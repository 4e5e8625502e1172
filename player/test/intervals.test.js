import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { edge, firstGap, longest, normalise, total } from '../src/core/intervals.js';

const vectors = JSON.parse(readFileSync(new URL('../../tests/vectors/credit.json', import.meta.url), 'utf8'));

test('sorted, disjoint, touching spans are one, empty ones vanish', () => {
  assert.deepEqual(normalise([[5, 9], [0, 2], [2, 3], [8, 12], [4, 4]]), [[0, 3], [5, 12]]);
  assert.deepEqual(normalise([]), []);
  assert.equal(total([[0, 3], [5, 12]]), 10);
  assert.equal(edge([[5, 12], [0, 3]]), 12);
});

test('what was put in is not changed', () => {
  const given = /** @type {[number, number][]} */ ([[0, 2], [1, 5]]);
  normalise(given);
  assert.deepEqual(given, [[0, 2], [1, 5]]);
});

test('the longest are kept, in order', () => {
  assert.deepEqual(longest([[0, 1], [10, 30], [40, 45], [50, 90]], 2), [[10, 30], [50, 90]]);
});

test('the first uncovered place', () => {
  assert.deepEqual(firstGap([[0, 3000], [6000, 10000]], 10000, 2000), [3000, 6000]);
  assert.deepEqual(firstGap([[0, 9000]], 10000, 500), [9000, 10000]);
  assert.equal(firstGap([[0, 9000]], 10000, 2000), null);
});

test('the coverage of every credit vector: nothing the player shows is more than was told', () => {
  assert.ok(vectors.cases.length > 5);
  for (const one of vectors.cases) {
    const told = one.beats.filter((/** @type {any} */ beat) => beat.span).map((/** @type {any} */ beat) => beat.span);
    const shown = normalise(one.covered.concat(told));
    const after = normalise(one.covered_after);
    assert.deepEqual(after, one.covered_after, `${one.name}: the vector itself is normal`);
    const earned = one.beats.reduce((/** @type {number} */ sum, /** @type {any} */ beat) => sum + beat.credit_ms, 0);
    assert.equal(total(after) - total(normalise(one.covered)), earned, one.name);
    assert.deepEqual(normalise(shown.concat(after)), shown, `${one.name}: coverage lies within what was told`);
  }
});
