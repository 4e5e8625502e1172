import assert from 'node:assert/strict';
import test from 'node:test';
import { zh } from '../src/core/texts.js';
import { describe, sheetFor } from '../src/ui/status.js';
import { createWorld } from './world.js';

/** @param {string} key */
const text = (key) => /** @type {any} */ (zh)[key] || key;
const to = {
  press: () => {}, takeTab: () => {}, reload: () => {}, retry: () => {}, loginUrl: '/login', recordUrl: '/records', backUrl: '',
  capped: false, capSeen: () => {}, words: '',
};

/** @param {any} world */
function line(world) {
  const said = describe(world.client.view(world.now), text, 600000);
  return [said.state, said.text];
}

test('the line says why a lesson cannot count, each in its own words', () => {
  for (const [why, words] of [['unfiled', '尚未备案'], ['class_closed', '不在开放时间']]) {
    const world = createWorld();
    world.open({ earns: false, why });
    const [state, said] = line(world);
    assert.equal(state, 'uncounted');
    assert.ok(said.includes(words), said);
  }
});

test('a seat that opens after the cap says so, and counts again when the acks do', () => {
  const world = createWorld();
  world.open({ earns: false, why: 'daily_cap', total_ms: 4000 });
  let [state, said] = line(world);
  assert.equal(state, 'uncounted');
  assert.ok(said.includes('今天已达到学时上限') && !said.includes('备案'), said);
  world.ackAll({ counting: false, why: 'daily_cap', total_ms: 4000 });
  assert.ok(line(world)[1].includes('今天已达到学时上限'));
  // Midnight passed.
  world.ackAll({ total_ms: 5000 });
  [state, said] = line(world);
  assert.deepEqual([state, said], ['counting', '正在计时 · 本课已计 00:05 · 请留在本页']);
});

test('the cap stands over the video once, with what was counted today', () => {
  const world = createWorld();
  world.open({ earns: false, why: 'daily_cap', day_ms: 21600000 });
  const sheet = sheetFor(world.client.view(world.now), text, { ...to, capped: true });
  assert.ok(sheet && sheet.name === 'cap' && sheet.text.includes('今天已计 6 小时。'), JSON.stringify(sheet));
});
