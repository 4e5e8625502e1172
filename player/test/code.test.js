import assert from 'node:assert/strict';
import test from 'node:test';
import { CodeWay, digits } from '../src/core/code.js';

const STANDS = { phone: '138****0001', question: '灭火器先做什么', choices: ['拔保险销', '喷射'], resend_after_s: 60, sent: false };

/** @param {object} [more] */
function push(more) {
  return Object.assign({ id: 'c1', way: 'code', try_number: 1, ticket: 't1', upload: '/api/v1/checks/c1/code' }, more);
}

/** The server's side of the form: it answers what the test put there. */
function createDesk() {
  const desk = {
    now: 1000, asked: /** @type {any[]} */ ([]), said: /** @type {any[]} */ ([]), answered: /** @type {boolean[]} */ ([]),
    way: /** @type {CodeWay} */ (/** @type {any} */ (null)),
    /** @param {number} status @param {object} [body] @param {string} [code] @param {string} [words] */
    says(status, body = {}, code = '', words = '') {
      desk.said.push({ status, body, code, words });
    },
  };
  desk.way = new CodeWay({
    now: () => desk.now,
    ask: async (check, body) => {
      desk.asked.push([check.ticket, body]);
      return desk.said.shift() || { status: 0, body: {}, code: '', words: '' };
    },
    answered: (taken) => desk.answered.push(taken),
    changed: () => {},
  });
  return desk;
}

async function opened(more = {}) {
  const desk = createDesk();
  desk.says(200, Object.assign({}, STANDS, more));
  desk.way.open(push(), '');
  await Promise.resolve();
  await Promise.resolve();
  return desk;
}

test('the form shows the phone and the question, sends a code, and hands both in', async () => {
  const desk = await opened();
  assert.deepEqual([desk.way.state, desk.way.phone, desk.way.choices.length, desk.way.wait], ['open', '138****0001', 2, 0]);
  desk.says(202, { accepted: true, resend_after_s: 60 });
  await desk.way.send();
  assert.deepEqual([desk.way.sent, desk.way.wait, desk.way.phone], [true, 60, '138****0001']);
  desk.says(202, { accepted: true });
  await desk.way.submit('１２３ 456', 1);
  assert.deepEqual(desk.asked, [['t1', null], ['t1', { send: true }], ['t1', { code: '123456', answer: 1 }]]);
  assert.deepEqual(desk.answered, [true]);
});

test('another code may be asked for only after the countdown', async () => {
  const desk = await opened({ sent: true, resend_after_s: 20 });
  await desk.way.send();
  assert.equal(desk.asked.length, 1);
  desk.now += 19000;
  assert.equal(desk.way.wait, 1);
  desk.now += 1000;
  desk.says(202, { accepted: true, resend_after_s: 60 });
  await desk.way.send();
  assert.deepEqual([desk.asked.length, desk.way.wait], [2, 60]);
});

test('what is missing is said at its place before anything is sent', async () => {
  const desk = await opened();
  await desk.way.submit('', 0);
  assert.deepEqual([desk.way.error, desk.way.field], ['code_first', 'code']);
  await desk.way.submit('123456', -1);
  assert.deepEqual([desk.way.error, desk.way.field, desk.asked.length], ['answer_missing', 'answer', 1]);
  const plain = await opened({ question: '', choices: [] });
  plain.says(202);
  await plain.way.submit('123456', -1);
  assert.deepEqual(plain.asked[1], ['t1', { code: '123456' }]);
});

test('a refusal speaks the words of the server; a fault of ours and of the line says that nothing is lost', async () => {
  const desk = await opened();
  desk.says(422, {}, 'code_wrong', '验证码不对，还可以试 4 次。');
  await desk.way.submit('000000', 1);
  assert.deepEqual([desk.way.words, desk.way.field], ['验证码不对，还可以试 4 次。', 'code']);
  desk.says(503);
  await desk.way.submit('123456', 1);
  assert.deepEqual([desk.way.error, desk.way.words, desk.way.busy], ['ours', '', '']);
  desk.says(0);
  await desk.way.submit('123456', 1);
  assert.equal(desk.way.error, 'offline');
  assert.deepEqual(desk.answered, []);
});

test('a check that is over, or judged already, leaves the form', async () => {
  for (const [code, taken] of /** @type {Array<[string, boolean]>} */ ([['late', false], ['cancelled', false], ['judged', true]])) {
    const desk = await opened();
    desk.says(409, {}, code, '');
    await desk.way.submit('123456', 1);
    assert.deepEqual(desk.answered, [taken]);
  }
});

test('without an answer the form is asked for again, and is not doubled by a reconnect', async () => {
  const desk = createDesk();
  desk.says(0);
  desk.way.open(push(), '');
  await Promise.resolve();
  await Promise.resolve();
  assert.equal(desk.way.state, 'lost');
  assert.equal(desk.way.open(push({ ticket: 't2' }), ''), false);
  desk.way.tick(desk.now + 1999);
  assert.equal(desk.asked.length, 1);
  desk.says(200, STANDS);
  desk.way.tick(desk.now + 2000);
  await Promise.resolve();
  await Promise.resolve();
  assert.deepEqual([desk.way.state, desk.asked[1][0]], ['open', 't2']);
});

test('the next try begins anew and says why', async () => {
  const desk = await opened({ sent: true });
  desk.says(200, STANDS);
  assert.equal(desk.way.open(push({ try_number: 2, ticket: 't2' }), 'code_wrong'), true);
  await Promise.resolve();
  await Promise.resolve();
  assert.deepEqual([desk.way.error, desk.way.sent, desk.way.state], ['code_wrong', false, 'open']);
  desk.says(200, STANDS);
  desk.way.open(push({ id: 'c2' }), 'dark');
  assert.equal(desk.way.error, '', 'another check has no try before');
});

test('digits as people type them', () => {
  assert.deepEqual([digits('１２ 34-5'), digits(' abc '), digits('123456')], ['12345', '', '123456']);
});
