import assert from 'node:assert/strict';
import { test } from 'node:test';

import perspective from '@perspective-dev/client';
import { connect } from '@tycostream/perspective';

import { connected, FakeClient, frame, laidOn, row, trades } from './fake.js';

const a = { note: { _eq: 'a' } };
const b = { note: { _eq: 'b' } };

test('another filter takes over with its first snapshot', async (t) => {
  const { client, live, things, rows } = await connected(t, { rows: [row(1, '1', 'a'), row(2, '2', 'b')] });
  const seen = [];
  things.onStatus(({ status }) => seen.push(status));
  const changed = things.setWhere(b);
  const next = client.opened[1];
  assert.deepEqual(next.options.where, b);
  next.accept();
  live.batch([row(3, '3', 'c')]); // the old one goes on meanwhile
  await laidOn(things, 2);
  assert.equal((await rows()).length, 3);
  assert.equal(things.where, undefined);
  assert.equal(live.closed, false);
  next.snapshot([row(2, '5', 'b')]);

  assert.equal(await changed, true);
  assert.equal(live.closed, true);
  assert.deepEqual(things.where, b);
  assert.deepEqual(await rows(), [{ id: 2, price: 5, note: 'b' }]);
  next.batch([row(4, '4', 'b')]);
  await things.flush();
  assert.equal((await rows()).length, 2);
  assert.deepEqual(seen, ['live', 'live', 'live']);
});

test('a filter that is refused changes nothing', async (t) => {
  const { client, live, things, rows } = await connected(t, { where: a, rows: [row(1, '1', 'a')] });
  const refused = things.setWhere({ note: { _regex: '(' } });
  (await client.live(1)).fail('BAD_USER_INPUT', 'where.note._regex: missing )');
  await assert.rejects(refused, { name: 'LiveError', code: 'BAD_USER_INPUT', message: 'where.note._regex: missing )' });
  assert.equal(things.status, 'live');
  assert.equal(things.error, undefined);
  assert.deepEqual(things.where, a);
  live.batch([row(1, '2', 'a')]);
  await things.flush();
  assert.deepEqual(await rows(), [{ id: 1, price: 2, note: 'a' }]);
});

test('of several calls the last one wins', async (t) => {
  const { client, things, rows } = await connected(t, { rows: [row(1, '1', 'a')] });
  const first = things.setWhere(a);
  const second = things.setWhere(b);
  const [, of1, of2] = client.opened;
  assert.equal(of1.closed, true);
  of1.snapshot([row(8, '8', 'a')]); // too late
  of2.snapshot([row(9, '9', 'b')]);
  assert.equal(await first, false);
  assert.equal(await second, true);
  assert.deepEqual(await rows(), [{ id: 9, price: 9, note: 'b' }]);
  const third = things.setWhere(a);
  const fourth = things.setWhere({ nope: 1 });
  (await client.live(4)).fail('BAD_USER_INPUT');
  assert.equal(await third, false);
  await assert.rejects(fourth, { code: 'BAD_USER_INPUT' });
  assert.deepEqual(things.where, b); // what is shown
});

test('another filter mends a table whose own has ended', async (t) => {
  const { client, live, things, rows } = await connected(t, { rows: [row(1, '1', 'a')] });
  live.fail('FORBIDDEN');
  assert.equal(things.status, 'error');
  assert.equal(things.error.code, 'FORBIDDEN');
  const changed = things.setWhere(b);
  (await client.live(1)).snapshot([row(2, '2', 'b')]);
  assert.equal(await changed, true);
  assert.equal(things.status, 'live');
  assert.deepEqual(await rows(), [{ id: 2, price: 2, note: 'b' }]);
});

test('a paused table takes another filter, and shows it when it is resumed', async (t) => {
  const { client, things, rows } = await connected(t, { rows: [row(1, '1', 'a')] });
  things.pause();
  const changed = things.setWhere(b);
  (await client.live(1)).snapshot([row(2, '2', 'b')]);
  assert.equal(await changed, true);
  await frame();
  assert.equal((await rows())[0].id, 1);
  things.resume();
  await laidOn(things, 2);
  assert.deepEqual(await rows(), [{ id: 2, price: 2, note: 'b' }]);
});

test('ready is there with the first snapshot of any filter', async (t) => {
  const client = new FakeClient(trades);
  const connecting = connect(client, 'things', { perspective, name: 'ready' });
  (await client.live(0)).accept();
  const things = await connecting;
  t.after(() => things.close());
  const changed = things.setWhere(a);
  (await client.live(1)).snapshot([row(1, '1', 'a')]);
  await things.ready;
  assert.equal(await changed, true);
  assert.equal(things.stats.size, 1);
});

test('ready rejects when there will be no snapshot', async (t) => {
  const client = new FakeClient(trades);
  const connecting = connect(client, 'things', { perspective, name: 'never ready' });
  (await client.live(0)).accept();
  const things = await connecting;
  t.after(() => things.close());
  (await client.live(0)).fail('FORBIDDEN');
  await assert.rejects(things.ready, { code: 'FORBIDDEN' });
});
