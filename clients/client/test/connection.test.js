import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LiveError } from '@tycostream/client';
import { scripted, trades, until } from './scripted.js';

test('credentials are asked for before every connection', async (t) => {
  let token = 0;
  const gateway = await scripted(t, { client: { auth: async () => ({ headers: { Authorization: `Bearer ${++token}` } }) } });
  const live = gateway.client.liveRows({ source: 'trades' });
  const op = await gateway.operation(0);
  assert.equal(gateway.requests[0].headers.authorization, 'Bearer 1');
  assert.deepEqual(gateway.inits, [{ headers: { Authorization: 'Bearer 2' } }]);
  op.socket.close(1012, 'restart');
  await gateway.operation(1);
  assert.deepEqual(gateway.inits[1], { headers: { Authorization: 'Bearer 3' } });
  live.close();
});

test('a refusal is told, and tried again', async (t) => {
  const gateway = await scripted(t);
  gateway.refuse = 4403;
  const live = gateway.client.liveRows({ source: 'trades' });
  await until('a refusal', () => live.error);
  assert.equal(live.status, 'connecting');
  assert.match(live.error.message, /4403/);
  gateway.refuse = undefined;
  (await gateway.operation(0)).frame?.({ kind: 'SNAPSHOT' });
  await live.ready;
});

test('a protocol that nobody speaks ends it', async (t) => {
  const gateway = await scripted(t);
  gateway.refuse = 4406;
  const live = gateway.client.liveRows({ source: 'trades' });
  await assert.rejects(live.ready, { code: 'PROTOCOL' });
});

test('an unexpected end is no end', async (t) => {
  const gateway = await scripted(t);
  const live = gateway.client.liveRows({ source: 'trades' });
  const op = await gateway.operation(0);
  op.frame({ kind: 'SNAPSHOT', rows: [[1, '1']] });
  await live.ready;
  op.socket.close(4500, 'a defect'); // graphql-ws gives up on this one
  (await gateway.operation(1)).frame({ kind: 'RESUMED' });
  await until('it', () => live.status === 'live');
});

test('a connection that is silent is given up', async (t) => {
  const gateway = await scripted(t, { client: { staleAfter: 150 } });
  const live = gateway.client.liveRows({ source: 'trades' });
  const op = await gateway.operation(0);
  op.frame({ kind: 'SNAPSHOT', rows: [[1, '1']] });
  await live.ready;
  await new Promise((resolve) => setTimeout(resolve, 500)); // pongs keep it
  assert.deepEqual([live.status, gateway.sockets.length], ['live', 1]);
  gateway.mute = true;
  await until('it notices', () => live.status === 'stale');
  assert.ok(live.age() > 300);
  gateway.mute = false;
  await until('another', () => gateway.operations.length > 1);
});

test('sources, and requests', async (t) => {
  const gateway = await scripted(t, { fields: ['trades', 'trades_columns'] });
  const sources = await gateway.client.sources();
  assert.deepEqual(sources, [{ ...trades, naming: 'database' }]);
  await gateway.client.sources();
  assert.equal(gateway.requests.length, 1);
  const live = gateway.client.liveRows({ source: 'trades', maxRate: 4, maxRows: 10, numbers: 'NUMBER', columns: ['price', 'price'] });
  const { payload } = await gateway.operation(0);
  assert.equal(payload.query.replace(/\s+/g, ' '), 'subscription ($maxRate: Float, $maxRows: Int, $numbers: NumberFormat, $resumeFrom: String) { '
    + 'frames: trades_columns(max_rate: $maxRate, max_rows: $maxRows, numbers: $numbers, resume_from: $resumeFrom) { '
    + 'kind last timestamp cursor asOf sentAt state upserts { _key price } deletes { _key id } } }');
  assert.deepEqual(payload.variables, { maxRate: 4, maxRows: 10, numbers: 'NUMBER' });
  live.close();
  gateway.answer = () => ({ errors: [{ message: 'no such trigger', extensions: { code: 'BAD_USER_INPUT' } }] });
  await assert.rejects(gateway.client.request('mutation { x }'), (e) => e instanceof LiveError && e.code === 'BAD_USER_INPUT');
  gateway.answer = () => '<html>';
  await assert.rejects(gateway.client.request('{ x }'), { code: 'CONNECTION' });
});

test('any subscription can be followed', async (t) => {
  const gateway = await scripted(t);
  const got = [];
  let ended = 0;
  const stop = gateway.client.follow('subscription { deliveries }', { a: 1 }, (data) => got.push(data), () => ended++);
  const op = await gateway.operation(0);
  assert.deepEqual(op.payload.variables, { a: 1 });
  op.next({ deliveries: 1 });
  op.socket.terminate();
  (await gateway.operation(1)).next({ deliveries: 2 });
  await until('both', () => got.length === 2);
  stop();
  await until('the end', () => gateway.operations[1].completed);
  assert.equal(ended, 0);
  gateway.client.follow('subscription { x }', undefined, () => {}, (error) => { ended = error.message; });
  (await gateway.operation(2)).fail('BAD_USER_INPUT', 'no');
  await until('it', () => ended === 'no');
});
