import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Pending } from '../dist/pending.js';
import { diceOf } from './dice.js';

const id = { name: 'id', kind: 'integer' };
const shape = { fields: [id, { name: 'value', kind: 'integer' }], index: id, columns: ['id', 'value'] };

function batch(rows, gone = [], reset = false) {
  const ids = rows.map(([n]) => n);
  return {
    reset, length: rows.length, upserts: { _key: ids.map(String), id: ids, value: rows.map(([, value]) => value) },
    deletes: { _key: gone.map(String), id: gone },
  };
}

test('a batch that is alone goes through as it came', () => {
  const pending = new Pending(shape);
  const one = batch([[1, 10], [2, 20]], [], true);
  pending.add(one);
  const taken = pending.take();
  assert.equal(taken.columns[1], one.upserts.value);
  assert.equal(taken.replace, true);
  assert.equal(pending.empty, true);
  pending.add(batch([], [])); // proof of life
  assert.equal(pending.empty, true);
  pending.add(batch([], [7])); // never was there
  assert.deepEqual(pending.take().removed, []);
});

test('what came and went in between is not laid on', () => {
  const pending = new Pending(shape);
  pending.add(batch([[1, 10]], [], true));
  pending.take();
  pending.add(batch([[2, 20]]));
  pending.add(batch([], [2]));
  assert.equal(pending.empty, true);
  pending.add(batch([], [1]));
  pending.add(batch([[1, 11]]));
  assert.deepEqual(pending.take().removed, []);
});

test('it does not grow with keys that come and go', () => {
  const pending = new Pending(shape);
  pending.add(batch([[0, 0], [1, 1]], [], true));
  pending.take();
  for (let n = 2; n < 200_000; n++) pending.add(batch([[n, n]], [n - 1]));
  const { columns, length, removed } = pending.take();
  assert.equal(length, 1);
  assert.deepEqual(columns.map(([cell]) => cell), [199_999, 199_999]);
  assert.ok(columns[0].length < 4, `${columns[0].length} places`);
  assert.deepEqual(removed, [1]);
});

test('random batches, taken now and then', (t) => {
  const dice = diceOf(t);
  const sorted = (rows) => [...rows].sort(([a], [b]) => a - b);
  let value = 0;
  for (let round = 0; round < 2000; round++) {
    const pending = new Pending(shape);
    const table = new Map();
    const model = new Map();
    for (let step = 0; step < 60; step++) {
      const reset = dice(15) === 0;
      const rows = [...new Set(Array.from({ length: dice(6) }, () => dice(12)))].map((n) => [n, value++]);
      const gone = reset ? [] : [...new Set(Array.from({ length: dice(5) }, () => dice(12)))].filter((n) => !rows.some(([m]) => n === m));
      if (reset) model.clear();
      for (const n of gone) model.delete(n);
      for (const [n, cell] of rows) model.set(n, cell);
      pending.add(batch(rows, gone, reset));
      if (dice(3) > 0) continue;
      const taken = pending.take();
      if (taken.replace) table.clear();
      for (const n of taken.removed) assert.ok(table.delete(n), `removes ${n}, which is not there`);
      const [ids, cells] = taken.columns;
      for (let i = 0; i < taken.length; i++) table.set(ids[i], cells[i]);
      assert.equal(new Set(ids.slice(0, taken.length)).size, taken.length);
      assert.deepEqual(sorted(table), sorted(model));
      assert.equal(pending.size, model.size);
    }
  }
});
