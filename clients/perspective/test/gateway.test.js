// With the real client, and a gateway whose every message the test decides.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import perspective from '@perspective-dev/client';
import { connect } from '@tycostream/perspective';

import { column, scripted, trades } from '../../client/test/scripted.js';
import { laidOn, reading, until } from './fake.js';

test('from the first frame over a lost connection to another filter', async (t) => {
  const gateway = await scripted(t);
  const connecting = connect(gateway.client, 'trades', { perspective, name: 'gateway' });
  const first = await gateway.operation(0);
  assert.match(first.payload.query, /numbers: \$numbers/);
  assert.equal(first.payload.variables.numbers, 'NUMBER');
  first.frame({ kind: 'SNAPSHOT', rows: [[1, 1.5, { a: 1 }], [2, null, null]], last: false });
  const things = await connecting;
  t.after(() => things.close());
  assert.equal(things.status, 'snapshot');
  first.frame({ kind: 'SNAPSHOT', rows: [[3, 3, 'text']] });
  await things.ready;
  const { rows } = await reading(t, things.table);
  assert.deepEqual(await rows(), [
    { id: 1, price: 1.5, tags: '{"a":1}' }, { id: 2, price: null, tags: null }, { id: 3, price: 3, tags: 'text' },
  ]);

  first.frame({ rows: [[2, 2.5, []]], deletes: [1] });
  await laidOn(things, 2);
  assert.deepEqual(await rows(), [{ id: 2, price: 2.5, tags: '[]' }, { id: 3, price: 3, tags: 'text' }]);

  gateway.sockets[0].terminate();
  await until(() => things.status === 'stale');
  assert.equal((await rows()).length, 2);
  const again = await gateway.operation(1);
  again.frame({ kind: 'RESUMED', rows: [[4, 4, null]], deletes: [3, 99] });
  await until(() => things.status === 'live');
  await laidOn(things, 3);
  assert.deepEqual(await rows(), [{ id: 2, price: 2.5, tags: '[]' }, { id: 4, price: 4, tags: null }]);
  again.frame({ kind: 'RESET', rows: [[5, 5, null]] });
  await laidOn(things, 4);
  assert.deepEqual(await rows(), [{ id: 5, price: 5, tags: null }]);

  const refused = things.setWhere({ nope: 1 });
  (await gateway.operation(2)).fail('BAD_USER_INPUT', 'there is no nope', { argument: 'where.nope' });
  await assert.rejects(refused, { name: 'LiveError', argument: 'where.nope' });
  const changed = things.setWhere({ id: { _gt: 6 } });
  const other = await gateway.operation(3);
  assert.deepEqual(other.payload.variables.where, { id: { _gt: 6 } });
  other.frame({ kind: 'SNAPSHOT', rows: [[7, 7, null]] });
  assert.equal(await changed, true);
  assert.deepEqual(await rows(), [{ id: 7, price: 7, tags: null }]);
  await until(() => again.completed);
});

test('an integer beyond 2^53 in the middle of everything', async (t) => {
  const source = { ...trades, columns: [column('id', 'BigInt', true), column('price', 'Decimal')] };
  const gateway = await scripted(t, { sources: [source] });
  const connecting = connect(gateway.client, 'trades', { perspective, name: 'beyond' });
  const frame = (op, given) => op.frame({ columns: ['id', 'price'], ...given });
  const first = await gateway.operation(0);
  frame(first, { kind: 'SNAPSHOT', rows: [[1, 1.5], [2, 2]] });
  const things = await connecting;
  t.after(() => things.close());
  const { exact } = await reading(t, things.table);
  assert.deepEqual(await exact('id'), ['1', '2']);
  frame(first, { rows: [[9007199254740992, 3]] }); // what JSON makes of ...993
  frame(first, { rows: [[3, 3]] });
  const second = await gateway.operation(1);
  assert.deepEqual(await exact('id'), ['1', '2']);
  assert.equal(things.status, 'live');
  frame(second, { kind: 'SNAPSHOT', rows: [['2', '2'], ['9007199254740993', '3']] });
  frame(second, { rows: [['3', '3']], deletes: ['2'] });
  await laidOn(things, 2);
  await things.flush();
  assert.deepEqual(await exact('id'), ['3', '9007199254740993']);
  const changed = things.setWhere({ id: { _gt: 6 } });
  const other = await gateway.operation(2);
  assert.equal(other.payload.variables.numbers, undefined);
  frame(other, { kind: 'SNAPSHOT', rows: [['9007199254740995', '1']] });
  assert.equal(await changed, true);
  assert.deepEqual(await exact('id'), ['9007199254740995']);
});

test('no source of that name', async (t) => {
  const { client } = await scripted(t);
  await assert.rejects(connect(client, 'nope', { perspective }), { code: 'UNKNOWN_SOURCE' });
  await assert.rejects(connect(client, 'trades', { perspective, columns: ['nope'] }), { code: 'UNKNOWN_COLUMN' });
});
