import assert from 'node:assert/strict';
import { test } from 'node:test';

import { storageFor } from '../src/playground/storage.js';

function localStorage() {
  const map = new Map();
  return {
    getItem: (k) => map.get(k) ?? null,
    setItem: (k, v) => map.set(k, v),
    removeItem: (k) => map.delete(k),
    key: (i) => [...map.keys()][i] ?? null,
    get length() { return map.size; },
  };
}

test('gateways with other sources do not see each other\'s documents', () => {
  const local = localStorage();
  const one = storageFor([{ field: 'livePnL' }, { field: 'trades' }], local);
  const same = storageFor([{ field: 'trades' }, { field: 'livePnL' }], local);
  const other = storageFor([{ field: 'trades' }], local);
  one.setItem('query', 'a');
  one.setItem('theme', 'dark');
  other.setItem('query', 'b');
  assert.equal(same.getItem('query'), 'a');
  assert.equal(other.getItem('query'), 'b');
  assert.deepEqual([one.length, other.length, local.length], [2, 1, 3]);
  one.removeItem('theme');
  assert.equal(one.getItem('theme'), null);
  one.clear();
  assert.deepEqual([one.length, other.getItem('query')], [0, 'b']);
});

test('without local storage nothing is kept', () => {
  assert.equal(storageFor([], null), null);
});
