import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LiveError } from '@tycostream/client';
import { column, scripted, tick, trades, until } from './scripted.js';

const prices = (live) => Object.fromEntries([...live.rows.values()].map((r) => [r.id, r.price]));
const ids = (rows) => rows.map((r) => r.id);
const step = ({ inserts, updates, deletes, reset }) => [ids(inserts), ids(updates), ids(deletes), reset];

async function follow(t, options = {}, more = {}) {
  const gateway = await scripted(t, more);
  const live = gateway.client.liveRows({ source: 'trades', ...options });
  const steps = [];
  live.subscribe((batch) => steps.push(step(batch)));
  const op = await gateway.operation(0);
  return { gateway, live, steps, op };
}

test('a snapshot in portions is one batch, and nothing before', async (t) => {
  const { live, steps, op } = await follow(t);
  assert.equal(live.status, 'connecting');
  op.frame({ kind: 'SNAPSHOT', last: false, state: 'STARTING' });
  await until('news', () => live.status === 'snapshot');
  assert.equal(live.state, 'STARTING');
  assert.equal(live.age(), undefined);
  op.frame({ kind: 'SNAPSHOT', last: false, rows: [[1, '1.0'], [2, '2.0']] });
  op.frame({ kind: 'SNAPSHOT', last: false, rows: [[3, '3.0'], [1, '1.5']], deletes: [2] });
  await tick();
  assert.deepEqual([steps, live.rows.size, live.cursor], [[], 0, undefined]);
  op.frame({ kind: 'SNAPSHOT', rows: [[4, '4.0']] });
  await live.ready;
  assert.deepEqual(steps, [[[1, 3, 4], [], [], true]]);
  assert.deepEqual(prices(live), { 1: '1.5', 3: '3.0', 4: '4.0' });
  assert.equal(live.status, 'live');
  assert.ok(live.age() >= 250 && live.age() < 5000, `${live.age()}`);
  assert.equal(live.asOf.getTime(), 1000);
});

test('steps are exact: what changes nothing is not told', async (t) => {
  const { live, steps, op } = await follow(t);
  op.frame({ kind: 'SNAPSHOT', rows: [[1, '1', { a: [1] }], [2, '2', null]] });
  await live.ready;
  const before = live.rows.get('1');
  op.frame({ rows: [[1, '1', { a: [1] }], [2, '2', { b: 1 }], [3, null]], deletes: [9] });
  op.frame();
  op.frame({ rows: [[1, '1.1', { a: [1] }]], deletes: [3] });
  await until('both', () => steps.length === 3);
  assert.deepEqual(steps.slice(1), [[[3], [2], [], false], [[], [1], [3], false]]);
  assert.equal(before.price, '1', 'rows are not changed in place');
  assert.deepEqual({ ...live.rows.get('1') }, { _key: '1', id: 1, price: '1.1', tags: { a: [1] } });
});

test('a reset is the difference, and rows stay until it is complete', async (t) => {
  const { live, steps, op } = await follow(t);
  op.frame({ kind: 'SNAPSHOT', rows: [[1, '1'], [2, '2'], [3, '3']] });
  await live.ready;
  op.frame({ kind: 'RESET', last: false, rows: [[1, '1']] });
  await tick();
  assert.equal(live.rows.size, 3);
  op.frame({ kind: 'RESET', rows: [[2, '2.2'], [4, '4']] });
  await until('it', () => steps.length === 2);
  assert.deepEqual(steps[1], [[4], [2], [3], true]);
  assert.deepEqual(prices(live), { 1: '1', 2: '2.2', 4: '4' });
});

test('integers that numbers cannot hold come again, as text', async (t) => {
  const gateway = await scripted(t);
  const live = gateway.client.liveColumns({ source: 'trades', numbers: 'NUMBER', exactIntegers: ['id'] });
  const seen = [];
  live.subscribe(({ reset, upserts, deletes }) => seen.push([reset, upserts.id, deletes.id]));
  const op = await gateway.operation(0);
  assert.equal(op.payload.variables.numbers, 'NUMBER');
  const most = Number.MAX_SAFE_INTEGER;
  op.frame({ kind: 'SNAPSHOT', last: false, rows: [[1, 1e300]] }); // nobody wants the price to be exact
  op.frame({ kind: 'SNAPSHOT', rows: [[most, 2], [-most, 3]] });
  await live.ready;
  assert.equal(live.numbers, 'NUMBER');
  op.frame({ rows: [[2, 4]], deletes: [-most - 1] });
  op.frame({ rows: [[3, 5]] }); // too late
  const exact = await gateway.operation(1);
  assert.deepEqual([exact.payload.variables.numbers, exact.payload.variables.resumeFrom], [undefined, undefined]);
  assert.equal(live.numbers, 'EXACT');
  await until('the first is over', () => op.completed);
  exact.frame({ kind: 'SNAPSHOT', rows: [['9007199254740993', '4']] });
  exact.frame({ rows: [], deletes: ['9007199254740993'] });
  await until('texts', () => seen.length === 3);
  assert.deepEqual(seen, [[true, [1, most, -most], []], [true, ['9007199254740993'], []], [false, [], ['9007199254740993']]]);
  gateway.sockets[0].terminate();
  assert.equal((await gateway.operation(2)).payload.variables.numbers, undefined);
  assert.equal(gateway.sockets.length, 2);
});

test('a lost connection goes on with the newest cursor, in mid-set too', async (t) => {
  const { gateway, live, steps, op } = await follow(t);
  op.frame({ kind: 'SNAPSHOT', rows: [[1, '1']] });
  await live.ready;
  assert.equal(op.payload.variables.resumeFrom, undefined);
  op.frame({ rows: [[2, '2']] });
  await until('it', () => live.rows.size === 2);
  const { cursor } = live;
  op.frame({ last: false, rows: [[7, '7']] }); // half a set
  await tick();
  const told = [];
  live.onStatus((l) => told.push(l.status));
  op.socket.terminate();
  const again = await gateway.operation(1);
  assert.deepEqual(told, ['stale']);
  assert.equal(live.error.code, 'CONNECTION');
  assert.equal(again.payload.variables.resumeFrom, cursor);
  again.frame({ kind: 'RESUMED', last: false, rows: [[3, '3'], [1, '1']] });
  again.frame({ kind: 'RESUMED', deletes: [2, 8] });
  await until('it', () => live.status === 'live');
  assert.deepEqual(prices(live), { 1: '1', 3: '3' });
  assert.deepEqual(steps.at(-1), [[3], [], [2], false]);
  assert.equal(live.error, undefined);
});

test('a gateway that is gone is waited for, and another schema is taken', async (t) => {
  const { gateway, live, op } = await follow(t);
  op.frame({ kind: 'SNAPSHOT', rows: [[1, '1']] });
  await live.ready;
  await gateway.close();
  await until('news', () => live.status === 'stale');
  await tick();
  const next = await scripted(t, { port: gateway.port, sources: [{ ...trades, columns: [...trades.columns, column('side', 'String')] }] });
  const again = await next.operation(0);
  again.fail('GRAPHQL_VALIDATION_FAILED', 'no column');
  const third = await next.operation(1);
  assert.match(third.payload.query, /side/);
  third.frame({ kind: 'SNAPSHOT', rows: [[1, '1', null, 'buy']], columns: ['id', 'price', 'tags', 'side'] });
  await until('it', () => live.status === 'live');
  assert.equal(live.rows.get('1').side, 'buy');
  third.fail('GRAPHQL_VALIDATION_FAILED', 'again');
  (await next.operation(2)).fail('GRAPHQL_VALIDATION_FAILED', 'and again');
  await until('the end', () => live.status === 'error');
  assert.equal(live.error.message, 'and again');
});

test('errors: some pass, others end it', async (t) => {
  const { gateway, live, op } = await follow(t, { where: { price: { _gt: 'x' } } });
  assert.deepEqual(op.payload.variables, { where: { price: { _gt: 'x' } } });
  op.fail('SOURCE_NOT_READY', 'wait');
  const second = await gateway.operation(1);
  assert.deepEqual([live.status, live.error.code], ['connecting', 'SOURCE_NOT_READY']);
  second.frame({ kind: 'SNAPSHOT', rows: [[1, '1']] });
  await live.ready;
  const { cursor } = live;
  second.complete();
  const third = await gateway.operation(2);
  assert.equal(third.payload.variables.resumeFrom, cursor);
  third.fail('BAD_USER_INPUT', 'another filter', { argument: 'resumeFrom' });
  const fourth = await gateway.operation(3);
  assert.equal(fourth.payload.variables.resumeFrom, undefined);
  fourth.fail('RESYNC_REQUIRED');
  (await gateway.operation(4)).frame({ kind: 'SNAPSHOT' });
  await until('it', () => live.status === 'live');
  assert.equal(live.rows.size, 0);
  gateway.operations[4].fail('BAD_USER_INPUT', 'not a number', { argument: 'where.price._gt' });
  await until('the end', () => live.status === 'error');
  assert.deepEqual([live.error.message, live.error.argument], ['not a number', 'where.price._gt']);
  await tick();
  assert.equal(gateway.operations.length, 5);
});

test('what is refused at once', async (t) => {
  const gateway = await scripted(t);
  const unknown = gateway.client.liveRows({ source: 'nosuch' });
  await assert.rejects(unknown.ready, /no source "nosuch"; there are: trades/);
  const column = gateway.client.liveRows({ source: 'trades', columns: ['id', 'prize'] });
  await assert.rejects(column.ready, { message: /no column "prize"; there are: id, price, tags/, argument: 'columns.prize' });
  assert.deepEqual([unknown.status, column.status], ['error', 'error']);
  await assert.rejects(async () => { for await (const batch of column) assert.fail(batch); }, /prize/);
});

test('a source that has failed says why', async (t) => {
  const { gateway, live, op } = await follow(t);
  op.frame({ kind: 'SNAPSHOT', rows: [[1, '1']] });
  await live.ready;
  gateway.answer = () => ({ data: { sources: [{ name: 'trades', error: 'two rows have the key 1' }] } });
  op.frame({ state: 'FAILED' });
  await until('news', () => live.error);
  assert.deepEqual([live.status, live.state, live.error.message, live.rows.size], ['stale', 'FAILED', 'two rows have the key 1', 1]);
  op.frame({ state: 'LIVE' });
  await until('news', () => live.status === 'live');
  assert.equal(live.error, undefined);
});

test('loops get whole steps, merged when they are slow', async (t) => {
  const { live, op } = await follow(t);
  op.frame({ kind: 'SNAPSHOT', rows: [[1, '1'], [2, '2']] });
  await live.ready;
  const loop = live[Symbol.asyncIterator]();
  const late = live[Symbol.asyncIterator]();
  assert.deepEqual(step((await loop.next()).value), [[1, 2], [], [], false]);
  op.frame({ rows: [[3, '3'], [1, '1.1']] });
  op.frame({ rows: [[4, '4'], [3, '3.3']], deletes: [1] });
  op.frame({ rows: [[1, '1.2']], deletes: [4, 2] });
  await until('it', () => live.rows.size === 2);
  const { value } = await loop.next();
  assert.deepEqual(step(value), [[3], [1], [2], false]);
  assert.deepEqual([value.inserts[0].price, value.updates[0].price, value.cursor], ['3.3', '1.2', live.cursor]);
  assert.deepEqual(step((await late.next()).value), [[3, 1], [], [], false]);
  const waiting = loop.next();
  op.frame({ deletes: [1] });
  assert.deepEqual(step((await waiting).value), [[], [], [1], false]);
  const last = loop.next();
  live.close();
  assert.equal((await last).done, true);
  await late.return();
  assert.equal((await late.next()).done, true);
});

test('a filter may be made of the source, and objected to', async (t) => {
  const { gateway, op } = await follow(t, { where: ({ primaryKey }) => ({ [primaryKey[0]]: { _eq: 7 } }) });
  assert.deepEqual(op.payload.variables.where, { id: { _eq: 7 } });
  gateway.client.liveRows({ source: 'trades', where: () => undefined });
  assert.equal('where' in (await gateway.operation(1)).payload.variables, false);
  const refused = gateway.client.liveRows({ source: 'trades', where: () => { throw new LiveError('no key', 'BAD_USER_INPUT'); } });
  await assert.rejects(refused.ready, { code: 'BAD_USER_INPUT' });
});

test('closing completes the operation, and so does a signal', async (t) => {
  const { gateway, live, op } = await follow(t);
  const abort = new AbortController();
  const other = gateway.client.liveRows({ source: 'trades', signal: abort.signal });
  const second = await gateway.operation(1);
  live.close();
  live.close();
  abort.abort();
  await until('the ends', () => op.completed && second.completed);
  await assert.rejects(other.ready, { code: 'CLOSED' });
  const never = gateway.client.liveRows({ source: 'trades', signal: abort.signal });
  await assert.rejects(never.ready, { code: 'CLOSED' });
  await tick();
  assert.equal(gateway.operations.length, 2);
  await until('the socket is closed when nobody uses it', () => gateway.client.connection === 'idle');
});

test('a listener may close it, and its mistakes harm nobody', async (t) => {
  const { live, op } = await follow(t);
  const seen = [];
  live.subscribe(() => { seen.push('first'); live.close(); });
  live.subscribe(() => seen.push('second'));
  op.frame({ kind: 'SNAPSHOT', rows: [[1, '1']] });
  await until('it', () => op.completed);
  assert.deepEqual(seen, ['first']);
});
