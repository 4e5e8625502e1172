import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { clock, fill, length } from '../src/core/format.js';
import * as preEn from '../src/core/preflight.en.js';
import * as preZh from '../src/core/preflight.zh.js';
import * as codeEn from '../src/core/code.en.js';
import * as codeZh from '../src/core/code.zh.js';
import * as movesEn from '../src/core/moves.en.js';
import * as movesZh from '../src/core/moves.zh.js';
import * as refusalsEn from '../src/core/refusals.en.js';
import * as refusalsZh from '../src/core/refusals.zh.js';
import * as lessonEn from '../src/core/texts.en.js';
import * as lessonZh from '../src/core/texts.js';

const PAIRS = {
  lesson: [lessonZh.zh, lessonEn.en], preflight: [preZh.zh, preEn.en], code: [codeZh.zh, codeEn.en],
  moves: [movesZh.zh, movesEn.en], refusals: [refusalsZh.zh, refusalsEn.en],
};

/** @param {string} text */
function places(text) {
  return (text.match(/\{\w+\}/g) || []).sort();
}

for (const [name, [zh, en]] of Object.entries(PAIRS)) {
  test(`${name}: both catalogues have the same keys and the same places`, () => {
    assert.deepEqual(Object.keys(en).sort(), Object.keys(zh).sort());
    for (const [key, words] of Object.entries(zh)) {
      assert.deepEqual(places(/** @type {any} */ (en)[key]), places(words), key);
    }
  });

  test(`${name}: no sentence is empty, shouts or blames`, () => {
    for (const [key, words] of Object.entries(zh)) {
      assert.ok(words && !/[!！]|作弊|请勿|违规/.test(words), key);
      assert.ok(!/[一-鿿]/.test(/** @type {any} */ (en)[key]), key);
    }
  });
}

test('numbers as people read them', () => {
  assert.deepEqual([clock(0), clock(760000), clock(3909000), clock(-5)], ['00:00', '12:40', '1:05:09', '00:00']);
  assert.equal(fill('{a} of {b}, {c}', { a: 1, b: 2 }), '1 of 2, {c}');
});

test('lengths of time read as on the pages, in both languages', () => {
  const rows = JSON.parse(readFileSync(new URL('../../tests/vectors/length.json', import.meta.url), 'utf8'));
  for (const row of rows) {
    for (const [words, wanted] of [[lessonZh.zh, row.zh], [lessonEn.en, row.en]]) {
      assert.equal(length(row.ms, (key) => /** @type {any} */ (words)[key]), wanted, row.ms);
    }
  }
});
