// Dice against a model: whatever comes, in whatever portions, the table is in
// every cell what the batches say.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { diceOf } from './dice.js';
import { column, connected, frame, sourceOf } from './fake.js';

const steps = 3000;
let dice;

/** A source, and the key of its nth row. */
const cases = {
  'an Integer key': [
    sourceOf(column('id', 'Integer', true), column('price', 'Decimal'), column('note', 'String'), column('big', 'BigInt'), column('at', 'Timestamp')),
    (n) => ({ _key: `${n}`, id: n }),
  ],
  'a BigInt key': [
    sourceOf(column('id', 'BigInt', true), column('note', 'String'), column('big', 'BigInt')),
    (n) => ({ _key: bigint(n), id: bigint(n) }),
  ],
  'a String key': [
    sourceOf(column('id', 'String', true), column('open', 'Boolean'), column('doc', 'JSON')),
    (n) => ({ _key: `ключ ${n}`, id: `ключ ${n}` }),
  ],
  'a composite key': [
    sourceOf(column('a', 'Integer', true), column('b', 'Decimal', true), column('day', 'Date'), column('ratio', 'Float')),
    (n) => ({ _key: `[${n % 3},"${n}.50"]`, a: n % 3, b: `${n}.50` }),
  ],
};

const bigint = (n) => `${BigInt(n) * 461168601842738790n - 2n ** 63n}`;

/** Cells of each type, and how they come out of the engine. */
const types = {
  Integer: { make: () => dice(1000), read: (cell) => cell },
  BigInt: { make: () => `${BigInt(dice(2 ** 52)) * 2047n - 2n ** 62n}`, read: Number },
  Decimal: { make: () => `${dice(1e9) / 1e4}`, read: Number },
  Float: { make: () => dice(1e9) / 7, read: (cell) => cell },
  String: { make: () => '€'.repeat(dice(2)) + 'abc'.repeat(dice(5)), read: (cell) => cell },
  Boolean: { make: () => dice(2) === 0, read: (cell) => cell },
  Timestamp: { make: () => new Date(dice(4e12)).toISOString(), read: Date.parse },
  Date: { make: () => new Date(dice(4e12)).toISOString().slice(0, 10), read: Date.parse },
  JSON: { make: () => ({ n: dice(9), s: ['x'] }), read: (cell) => JSON.stringify(cell) },
};

/** One subscription, and the rows that it has told of. */
class Told {
  rows = new Map();

  constructor(live, source, keyOf) {
    this.live = live;
    this.values = source.columns.filter((c) => !c.key);
    this.keyOf = keyOf;
  }

  some(most) {
    const rows = new Set(Array.from({ length: dice(most) }, () => dice(40)));
    return [...rows].map((n) => ({
      ...this.keyOf(n), ...Object.fromEntries(this.values.map(({ name, type }) => [name, dice(5) === 0 ? null : types[type].make()])),
    }));
  }

  snapshot() {
    const rows = this.some(60);
    this.rows = new Map(rows.map((row) => [row._key, row]));
    this.live.snapshot(rows);
  }

  changes() {
    const rows = this.some(12);
    const gone = this.some(8).filter((g) => !rows.some((r) => r._key === g._key)); // also what is not there
    for (const { _key } of gone) this.rows.delete(_key);
    for (const row of rows) this.rows.set(row._key, row);
    this.live.batch(rows, gone);
  }
}

for (const [what, [source, keyOf]] of Object.entries(cases)) {
  test(`${steps} random steps, ${what}`, async (t) => {
    dice = diceOf(t);
    const { client, things, rows: shown, exact } = await connected(t, { source });
    const bigs = source.columns.filter((c) => c.type === 'BigInt');
    const outcomes = [];
    let current = new Told(client.opened[0], source, keyOf);
    let next;

    const check = async () => {
      await things.flush();
      const rows = [...current.rows.values()];
      const read = (row) => Object.fromEntries(source.columns.map(({ name, type }) => [name, row[name] === null ? null : types[type].read(row[name])]));
      const pick = (row) => Object.fromEntries(source.columns.map(({ name }) => [name, row[name]]));
      assert.deepEqual((await shown()).map((r) => JSON.stringify(pick(r))).sort(), rows.map((r) => JSON.stringify(read(r))).sort());
      for (const { name } of bigs) assert.deepEqual((await exact(name)).sort(), rows.map((r) => r[name] ?? '').sort());
      assert.equal(things.stats.size, rows.length);
      assert.equal(things.stats.refused, 0);
    };
    const events = [
      [800, () => current.changes()],
      [30, () => current.snapshot()],
      [30, () => {
        if (next) next.outcome.expected = false;
        const outcome = { got: things.setWhere({ n: dice(9) }).catch((e) => e.code), expected: 'CLOSED' };
        outcomes.push(outcome);
        next = Object.assign(new Told(client.opened.at(-1), source, keyOf), { outcome });
      }],
      [40, () => {
        if (!next) return;
        next.outcome.expected = true;
        [current, next] = [next, undefined];
        current.snapshot();
      }],
      [20, () => {
        if (!next) return;
        next.outcome.expected = 'BAD_USER_INPUT';
        next.live.fail('BAD_USER_INPUT');
        next = undefined;
      }],
      [10, () => things.pause()],
      [10, () => things.resume()],
      [20, () => frame()],
      [20, () => things.flush()],
      [20, check],
    ];
    const total = events.reduce((sum, [weight]) => sum + weight, 0);
    for (let step = 0; step < steps; step++) {
      let at = dice(total);
      await events.find(([weight]) => (at -= weight) < 0)[1]();
      if (dice(3) === 0) await new Promise(setImmediate);
    }
    await check();
    if (next) next.outcome.expected = false;
    await things.close();
    for (const { got, expected } of outcomes) assert.equal(await got, expected);
    assert.ok(client.opened.every((live) => live.closed));
    assert.ok(things.stats.applied < things.stats.received);
  });
}
