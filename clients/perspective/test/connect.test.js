import assert from 'node:assert/strict';
import { test } from 'node:test';

import perspective from '@perspective-dev/client';
import { connect } from '@tycostream/perspective';

import { column, connected, FakeClient, frame, key, laidOn, reading, row, sourceOf, trades, until, watching } from './fake.js';

const ids = async (columns) => (await columns()).id;

test('rows come, change and leave', async (t) => {
  const { live, things, rows, view } = await connected(t, { rows: [row(1, '1.50', 'a'), row(2, null, null), row(10, '-3', 'c')] });
  assert.equal(things.status, 'live');
  assert.deepEqual(things.columns, ['id', 'price', 'note']);
  assert.deepEqual(await rows(), [
    { id: 1, price: 1.5, note: 'a' }, { id: 2, price: null, note: null }, { id: 10, price: -3, note: 'c' },
  ]);
  let updates = 0;
  await view.on_update(() => updates++);
  live.batch([row(2, '2', 'b'), row(3, '3', 'd')], [key(1)]);
  await laidOn(things, 2);
  assert.deepEqual(await rows(), [{ id: 2, price: 2, note: 'b' }, { id: 3, price: 3, note: 'd' }, { id: 10, price: -3, note: 'c' }]);
  assert.ok(updates > 0);
  assert.deepEqual(things.stats, { size: 3, received: 6, applied: 6, flushes: 2, refused: 0 });
});

test('frames between two flushes are merged by key', async (t) => {
  const { live, things, rows } = await connected(t, { rows: [row(1, '1', 'a'), row(2, '2', 'b')] });
  live.batch([row(1, '5', 'a'), row(3, '3', 'new')]);
  live.batch([row(3, '4', 'newer')], [key(1)]);
  live.batch([row(1, '6', 'again'), row(4, '4', 'gone')], [key(2)]);
  live.batch([], [key(4)]);
  await things.flush();
  assert.deepEqual(await rows(), [{ id: 1, price: 6, note: 'again' }, { id: 3, price: 4, note: 'newer' }]);
  assert.deepEqual(things.stats, { size: 2, received: 10, applied: 5, flushes: 2, refused: 0 });
});

test('a row that left and came again has nothing of the old one', async (t) => {
  const { live, things, rows } = await connected(t, { rows: [row(1, '1', 'a')] });
  live.batch([], [key(1)]);
  live.batch([row(1, null, null)]);
  await things.flush();
  assert.deepEqual(await rows(), [{ id: 1, price: null, note: null }]);
});

test('a fresh snapshot takes the place of everything', async (t) => {
  const { live, things, columns, view } = await connected(t, { rows: [row(1, '1', 'a'), row(2, '2', 'b')] });
  const sizes = await watching(view);
  live.batch([row(7, '7', 'x')]);
  live.snapshot([row(2, '3', 'b'), row(3, '3', 'c')]);
  await things.flush();
  assert.deepEqual(await columns(), { id: [2, 3], price: [3, 3], note: ['b', 'c'] });
  live.snapshot([row(4, '4', 'd'), row(5, '5', 'e')]);
  live.batch([row(6, '6', 'f')], [key(4), key(3)]);
  await things.flush();
  assert.deepEqual(await ids(columns), [5, 6]);
  live.snapshot([]);
  await things.flush();
  assert.deepEqual(await columns(), { id: [], price: [], note: [] });
  assert.equal(things.stats.size, 0);
  await frame();
  assert.deepEqual(new Set(sizes), new Set([2, 0])); // 0: the last one only
});

test('a snapshot of 100,000 rows, and another over it, at once', async (t) => {
  const many = (price) => Array.from({ length: 100_000 }, (_, i) => row(i, price, 'n'));
  const { live, things, view } = await connected(t, { rows: many('1') });
  assert.equal(await view.num_rows(), 100_000);
  const sizes = await watching(view);
  live.snapshot(many('2'));
  live.batch([row(5, '3', 'n')]);
  await things.flush();
  const { price } = await view.to_columns();
  assert.equal(price.filter((p) => p === 2).length, 99_999);
  await frame();
  assert.deepEqual(new Set(sizes), new Set([100_000]));
});

test('pause freezes the table, and resume lays on the newest', async (t) => {
  const { live, things, columns } = await connected(t, { rows: [row(1, '1', 'a')] });
  live.batch([row(1, '2', 'a')]); // a flush is planned
  things.pause();
  assert.equal(things.paused, true);
  for (let i = 0; i < 1000; i++) live.batch([row(1, `${i}`, 'a'), row(2 + i, '1', 'x')], i > 0 ? [key(1 + i)] : []);
  await frame();
  assert.deepEqual(await columns(), { id: [1], price: [1], note: ['a'] });
  things.resume();
  await laidOn(things, 2);
  assert.deepEqual(await columns(), { id: [1, 1001], price: [999, 1], note: ['a', 'x'] });
  assert.equal(things.stats.applied, 3); // rows that came and went meanwhile cost nothing
  things.pause();
  live.batch([row(1, '5', 'a')]);
  await things.flush();
  assert.deepEqual((await columns()).price, [5, 1]);
});

test('columns of the caller stay what the caller makes them', async (t) => {
  const { live, things } = await connected(t, { rows: [row(1, '1', 'a'), row(2, '2', 'b'), row(3, '3', 'c')], extra: { place: 'integer' } });
  assert.deepEqual(things.columns, ['id', 'price', 'note']);
  const view = await things.table.view({ columns: ['id', 'price', 'place'], sort: [['place', 'desc']] });
  t.after(() => view.delete());
  things.pause();
  await things.flush();
  await things.table.update({ id: [3, 1, 2], place: [3, 2, 1] });
  things.resume();
  live.batch([row(1, '10', 'a'), row(4, '4', 'd')], [key(2)]);
  await things.flush();
  assert.deepEqual(await view.to_columns(), { id: [3, 1, 4], price: [3, 10, 4], place: [3, 2, null] }); // the unknown come last
  live.snapshot([row(1, '10', 'a')]);
  await things.flush();
  assert.deepEqual(await view.to_columns(), { id: [1], price: [10], place: [null] });
  for (const name of ['note', '_key']) {
    const client = new FakeClient(trades);
    const taken = connect(client, 'things', { perspective, extra: { [name]: 'string' } });
    (await client.live(0)).accept();
    await assert.rejects(taken, { code: 'COLUMN_TAKEN', argument: `extra.${name}` });
  }
});

test('nothing is laid on before the engine has taken what came before', async (t) => {
  const { live, things, columns } = await connected(t, { rows: [row(1, '1', 'a')] });
  const { table } = things;
  const running = [];
  const { update } = table;
  table.update = (...given) => new Promise((resolve) => running.push(() => resolve(update.apply(table, given))));
  live.batch([row(1, '2', 'a')]);
  await until(() => running.length === 1);
  live.batch([row(1, '3', 'a')]);
  live.batch([row(1, '4', 'a')]);
  await frame();
  assert.equal(running.length, 1);
  running[0]();
  await until(() => running.length === 2);
  running[1]();
  await things.flush();
  assert.deepEqual((await columns()).price, [4]);
});

test('a flush has its frame; where no frame comes, a moment later', async (t) => {
  const frames = [];
  globalThis.requestAnimationFrame = (call) => frames.push(call);
  globalThis.cancelAnimationFrame = (n) => {
    frames[n - 1] = undefined;
  };
  t.after(() => {
    delete globalThis.requestAnimationFrame;
    delete globalThis.cancelAnimationFrame;
  });
  const { live, things } = await connected(t, { rows: [row(1, '1', 'a')] });
  const { flushes } = things.stats;
  live.batch([row(1, '2', 'a')]);
  live.batch([row(1, '3', 'a')]);
  things.resume(); // it is not paused
  await frame();
  assert.equal(things.stats.flushes, flushes);
  assert.equal(frames.filter(Boolean).length, 1);
  frames.find(Boolean)();
  assert.equal(things.stats.flushes, flushes + 1);
  await things.flush();
  live.batch([row(1, '4', 'a')]); // the tab is hidden
  await until(() => things.stats.flushes > flushes + 1);
  assert.equal(things.stats.flushes, flushes + 2);
  assert.equal(frames.filter(Boolean).length, 0); // called off
});

test('batches that come before the table is there are not lost', async (t) => {
  const client = new FakeClient(trades);
  let make;
  const slow = { table: (...given) => new Promise((resolve) => (make = () => resolve(perspective.table(...given)))) };
  const connecting = connect(client, 'things', { perspective: slow, name: 'slow' });
  const live = await client.live(0);
  live.snapshot([row(1, '1', 'a')]);
  live.batch([row(2, '2', 'b')]);
  await until(() => make);
  live.batch([row(3, '3', 'c')]);
  make();
  live.batch([row(4, '4', 'd')]);
  const things = await connecting;
  t.after(() => things.close());
  live.batch([row(5, '5', 'e')]);
  await things.ready;
  await things.flush();
  const { columns } = await reading(t, things.table);
  assert.deepEqual(await ids(columns), [1, 2, 3, 4, 5]);
});

test('connect resolves when the gateway has accepted, and ready with the rows', async (t) => {
  const client = new FakeClient(trades);
  let there = false;
  const connecting = connect(client, 'things', { perspective, columns: ['price', 'id'], where: { id: { _gt: 1 } }, maxRate: 5, maxRows: 7 });
  connecting.then(() => (there = true));
  const live = await client.live(0);
  assert.deepEqual(live.options, { source: 'things', columns: ['price', 'id'], where: { id: { _gt: 1 } }, maxRate: 5, maxRows: 7, numbers: 'NUMBER', exactIntegers: [] });
  await frame();
  live.become('connecting', new Error('away'));
  await frame();
  assert.equal(there, false);
  live.accept();
  const things = await connecting;
  t.after(() => things.close());
  assert.equal(things.name, 'things');
  assert.equal(things.status, 'snapshot');
  assert.deepEqual(things.where, { id: { _gt: 1 } });
  assert.deepEqual(things.columns, ['price', 'id']);
  const seen = [];
  const stop = things.onStatus((c) => seen.push(c.status));
  let ready = false;
  things.ready.then(() => (ready = true));
  await frame();
  assert.equal(ready, false);
  live.snapshot([row(2, '1', 'a')]);
  await things.ready;
  const { rows } = await reading(t, things.table);
  assert.deepEqual(await rows(), [{ price: 1, id: 2 }]);
  live.become('stale');
  stop();
  live.become('live');
  assert.deepEqual(seen, ['live', 'stale']);
  assert.equal(things.age(), 5);
});

test('the gateway is asked for as many deliveries as a screen can show, or for all', async (t) => {
  for (const [maxRate, asked] of [[undefined, 60], [4, 4], [Infinity, undefined]]) {
    const { live } = await connected(t, { maxRate });
    assert.equal(live.options.maxRate, asked);
  }
});

test('connect rejects with what the gateway objects to', async () => {
  const client = new FakeClient(trades);
  const refused = connect(client, 'things', { perspective, where: { nope: 1 } });
  (await client.live(0)).source = trades;
  (await client.live(0)).fail('BAD_USER_INPUT', 'there is no nope');
  await assert.rejects(refused, { name: 'LiveError', code: 'BAD_USER_INPUT', message: 'there is no nope' });
  const unknown = connect(client, 'things', { perspective, types: { nope: 'string' } });
  (await client.live(1)).accept();
  await assert.rejects(unknown, { name: 'LiveError', code: 'UNKNOWN_COLUMN', argument: 'types.nope' });
  assert.equal(client.opened[1].closed, true);
});

test('two tables of one name', async (t) => {
  const { things, leave } = await connected(t, { name: 'twice' });
  const client = new FakeClient(trades);
  const second = connect(client, 'things', { perspective, name: 'twice' });
  (await client.live(0)).snapshot([]);
  await assert.rejects(second, /twice/);
  assert.equal(client.opened[0].closed, true);
  await things.close();
  await leave();
  const third = connect(client, 'things', { perspective, name: 'twice' });
  (await client.live(1)).snapshot([]);
  await (await third).close();
});

test('a signal gives up, and closes', async () => {
  const client = new FakeClient(trades);
  const early = connect(client, 'things', { perspective, signal: AbortSignal.abort() });
  await assert.rejects(early, { code: 'CLOSED' });
  const aborter = new AbortController();
  const later = connect(client, 'things', { perspective, name: 'aborted', signal: aborter.signal });
  (await client.live(1)).snapshot([]);
  const things = await later;
  assert.equal(client.opened[1].closed, false);
  aborter.abort();
  assert.equal(client.opened[1].closed, true);
  await things.close();
  const names = await perspective.get_hosted_table_names();
  assert.ok(!names.includes('aborted'), names.join());
});

test('close ends everything, once, and viewers keep the rows', async (t) => {
  const { live, things, rows } = await connected(t, { rows: [row(1, '1', 'a')] });
  const next = things.setWhere({ id: { _eq: 1 } });
  live.batch([row(1, '2', 'a')]);
  await Promise.all([things.close(), things.close()]);
  assert.equal(live.closed, true);
  assert.equal(await next, false);
  await assert.rejects(things.setWhere(undefined), { code: 'CLOSED' });
  await things.flush();
  assert.deepEqual(await rows(), [{ id: 1, price: 1, note: 'a' }]);
});

test('closing while somebody asks the table for something', async (t) => {
  const { things } = await connected(t, { rows: [row(1, '1', 'a')] });
  const engine = await things.table.get_client();
  const asked = things.table.size();
  await things.close();
  assert.equal(await asked, 1);
  await until(async () => !(await engine.get_hosted_table_names()).includes(things.name));
});

test('a table that someone deletes', async (t) => {
  const { live, things, leave } = await connected(t, { rows: [row(1, '1', 'a')] });
  await leave();
  const ended = new Promise((resolve) => things.onStatus(resolve));
  await things.table.delete();
  await ended;
  assert.equal(things.status, 'error');
  assert.equal(things.error.code, 'PERSPECTIVE');
  assert.equal(live.closed, true);
  live.batch([row(1, '2', 'a')]);
  await things.flush();
  await assert.rejects(things.setWhere(undefined), { code: 'PERSPECTIVE' });
  await things.close();
});

test('an engine that takes no more', async (t) => {
  const { live, things } = await connected(t);
  things.table.update = () => Promise.reject(new Error('out of memory'));
  live.batch([row(1, '1', 'a')]);
  await things.flush();
  assert.equal(things.status, 'error');
  assert.match(things.error.message, /out of memory/);
  assert.equal(live.closed, true);
});

test('a gateway whose columns have changed', async (t) => {
  const { live, things, rows } = await connected(t, { rows: [row(1, '1', 'a')] });
  live.willBe = sourceOf(...trades.columns, column('more', 'String')); // one more does no harm
  live.batch([{ ...row(1, '2', 'b'), more: 'x' }]);
  await things.flush();
  assert.deepEqual(await rows(), [{ id: 1, price: 2, note: 'b' }]);
  live.willBe = sourceOf(column('id', 'Integer', true), column('price', 'String'), column('note', 'String'));
  live.batch([row(1, '3', 'c')]);
  assert.equal(things.status, 'error');
  assert.equal(things.error.code, 'SCHEMA_CHANGED');
  assert.deepEqual(await rows(), [{ id: 1, price: 2, note: 'b' }]);
});
