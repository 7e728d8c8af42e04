import { dice, seeds } from './page.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { column } from '../../client/test/scripted.js';
import { compareOf, merge } from '../dist/order.js';

const source = {
  columns: [
    column('amount', 'Decimal'), column('at', 'Timestamp'), column('name', 'String'), column('ratio', 'Float'), column('tags', 'JSON'),
    { ...column('side', 'Side'), enumValues: ['sell', 'buy'] },
  ],
};
const rows = (name, values) => values.map((value, i) => ({ _key: `${i}`, [name]: value }));

test('columns are compared as their types want it', () => {
  const cases = [
    ['amount', ['-100', '-1.5', '-0.0000000000000000001', '0', '0.0000000000000000001', '9', '10', '9007199254740992.5', '9007199254740993', '9007199254740993.25', 'NaN', null]],
    ['at', ['2026-01-01T08:00:00Z', '2026-01-01T08:00:00.5Z', '2026-01-01T08:00:00.55Z', '2026-01-01T08:00:01Z', null]],
    ['side', ['sell', 'buy', null]],
    ['name', ['', '10', '9', 'a', null]],
    ['ratio', [-1e300, -2, 0, 1.5, 'NaN', null]],
    ['tags', [[1], [2], null]],
    ['unknown', [1, 2, 10, null]],
  ];
  for (const [name, sorted] of cases) {
    const given = rows(name, sorted);
    const shuffled = [...given].sort((a, b) => (a._key * 7919) % 13 - (b._key * 7919) % 13);
    const values = (sortBy) => [...shuffled].sort(compareOf({ sortBy }, source)).map((row) => row[name]);
    assert.deepEqual(values(name), sorted);
    const [nothing, rest] = [sorted.at(-1), sorted.slice(0, -1)];
    assert.deepEqual(values({ column: name, descending: true }), [...rest.reverse(), nothing]);
    assert.deepEqual(values([{ column: name, descending: true, nulls: 'first' }]), [nothing, ...rest]);
  }
  const equal = rows('amount', ['1.50', '1.5', '01.500', '-0', '0.0']);
  assert.deepEqual(equal.slice(0, 3).sort(compareOf({ sortBy: 'amount' }, source)).map((r) => r._key), ['0', '1', '2']);
  assert.deepEqual(equal.slice(3).sort(compareOf({ sortBy: 'amount' }, source)).map((r) => r._key), ['3', '4']);
});

test('rows merged step by step are rows sorted at once', () => {
  for (const seed of seeds) {
    const roll = dice(seed);
    const compare = compareOf({ compare: (a, b) => a.price - b.price }, undefined);
    const all = new Map();
    let sorted = [];
    for (let round = 0; round < 300; round++) {
      const [removed, added] = [new Set(), []];
      for (const key of new Set(Array.from({ length: roll(5) }, () => `${roll(40)}`))) {
        const before = all.get(key);
        if (before) removed.add(before);
        all.delete(key);
        if (roll(3) > 0) {
          added.push({ _key: key, price: roll(5) });
          all.set(key, added.at(-1));
        }
      }
      sorted = merge(sorted, { removed, added }, compare);
      assert.deepEqual(sorted, [...all.values()].sort(compare), `seed ${seed}, round ${round}`);
    }
  }
});
