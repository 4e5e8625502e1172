import assert from 'node:assert/strict';
import test from 'node:test';
import { hijacks, hostOf, light, median, network, skew } from '../src/core/preflight.js';

test('whose advice is shown', () => {
  assert.equal(hostOf('Mozilla/5.0 (Linux; Android 14; wv) Chrome/130 Mobile MicroMessenger/8.0'), 'wechat');
  assert.equal(hostOf('Mozilla/5.0 (iPhone; CPU iPhone OS 17_0) Version/17.0 Safari'), 'iphone');
  assert.equal(hostOf('Mozilla/5.0 (Phone; OpenHarmony 5.0) ArkWeb/4.1 Mobile'), 'harmony');
  assert.equal(hostOf('Mozilla/5.0 (Linux; Android 13) Chrome/130 Mobile'), 'android');
  assert.equal(hostOf('Mozilla/5.0 (Windows NT 10.0) Chrome/130'), 'pc');
  assert.equal(hijacks('Android UCBrowser/15.5'), true);
  assert.equal(hijacks('Android MQQBrowser/6.2 MicroMessenger/8.0'), false, 'WeChat names its kernel so');
});

test('network: the median decides, one lost ping is forgiven', () => {
  assert.equal(median([5, 1, 3]), 3);
  assert.equal(median([1, 3]), 2);
  assert.deepEqual(network([40, 50, 2000, 45, 60], 5), { good: true, why: 'fine', ms: 50 });
  assert.equal(network([40, 50, 60, 70], 5).good, true);
  assert.equal(network([40, 50, 60], 5).why, 'lossy');
  assert.equal(network([900, 1000, 1100, 950, 970], 5).why, 'slow');
  assert.equal(network([], 2).why, 'none');
});

test('time: compared in the middle of the trip and of the header\'s second', () => {
  assert.deepEqual(skew(1000000, 1000400, 1000600), { good: true, ahead: 0 });
  assert.deepEqual(skew(1000000, 1300400, 1300600), { good: false, ahead: 300000 });
  assert.equal(skew(1000000, 700400, 700600).ahead, -300000);
});

test('light', () => {
  assert.deepEqual([2, 20, 120, 240].map(light), ['black', 'dark', '', 'bright']);
});
