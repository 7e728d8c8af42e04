import { draw } from './page.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { useLiveRow } from '@tycostream/react';
import { column, scripted, until } from '../../client/test/scripted.js';

test('one row', async (t) => {
  const gateway = await scripted(t);
  const page = draw(t, (key) => useLiveRow('trades', key), gateway.client);
  page.render(7);
  const op = await gateway.operation(0);
  assert.deepEqual(op.payload.variables.where, { id: { _eq: 7 } });
  assert.deepEqual([page.last().row, page.last().isKnown], [undefined, false]);
  op.frame({ kind: 'SNAPSHOT', rows: [[7, '1']] });
  await until('it', () => page.last().row?.price === '1');
  op.frame({ rows: [[7, '2']] });
  await until('it', () => page.last().row?.price === '2');
  op.frame({ deletes: [7] });
  await until('it', () => page.last().row === undefined);
  assert.deepEqual([page.last().status, page.last().isKnown], ['live', true]);
  op.frame({ rows: [[7, '3']] });
  await until('it', () => page.last().row?.price === '3');
  page.render(8);
  await gateway.operation(1);
  assert.deepEqual([page.last().row, page.last().isKnown], [undefined, false], 'another row does not stand in for it');
  page.render(undefined);
  await until('nothing', () => page.last().status === 'idle');
  page.render(null);
  await until('the ends', () => gateway.operations.every((o) => o.completed));
  assert.equal(gateway.operations.length, 2);
});

const keyed = (...names) => ({
  name: 'trades', field: 'trades', typePrefix: 'Trades', primaryKey: names,
  columns: [column('id', 'Integer', true), column('venue', 'String', true), column('big', 'BigInt', true), column('done', 'Boolean', true)],
});

test('keys as they are written, and as `_key` has them', async (t) => {
  const cases = [
    [['id'], '7', { id: { _eq: 7 } }],
    [['id'], { id: 7 }, { id: { _eq: 7 } }],
    [['venue'], '7', { venue: { _eq: '7' } }],
    [['venue'], '["a"]', { venue: { _eq: '["a"]' } }],
    [['big'], 9007199254740993n, { big: { _eq: '9007199254740993' } }],
    [['done'], 't', { done: { _eq: true } }],
    [['venue', 'id'], { id: 7, venue: 'X' }, { venue: { _eq: 'X' }, id: { _eq: 7 } }],
    [['venue', 'id', 'big', 'done'], '["a\\"b",7,"15",false]', { venue: { _eq: 'a"b' }, id: { _eq: 7 }, big: { _eq: '15' }, done: { _eq: false } }],
  ];
  for (const [names, key, where] of cases) {
    const gateway = await scripted(t, { sources: [keyed(...names)] });
    const page = draw(t, (given) => useLiveRow('trades', given, { columns: ['id'] }), gateway.client);
    page.render(key);
    assert.deepEqual((await gateway.operation(0)).payload.variables.where, where);
  }
});

test('a key of another shape is an error that says so', async (t) => {
  for (const key of [{ id: 7 }, 7, '["a"]', 'a', { venue: 'X', id: null }]) {
    const gateway = await scripted(t, { sources: [keyed('venue', 'id')] });
    const page = draw(t, (given) => useLiveRow('trades', given), gateway.client);
    page.render(key);
    await until('an error', () => page.last()?.status === 'error');
    assert.match(page.last().error.message, /^the key of trades is venue, id; got /);
  }
});
