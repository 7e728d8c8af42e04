import { dice, draw, ids, play, quiet, seeds, text } from './page.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { and, createCollection, createLiveQueryCollection, eq } from '@tanstack/db';
import { useLiveQuery } from '@tanstack/react-db';
import { tycostreamCollectionOptions } from '@tycostream/react/db';
import { scripted, tick, until } from '../../client/test/scripted.js';

/** A collection, and the subscriptions that it begins. */
function collect(gateway, options = {}) {
  const lives = [];
  const collection = createCollection(tycostreamCollectionOptions({ client: gateway.client, source: 'trades', onLive: (live) => lives.push(live), ...options }));
  return { collection, lives };
}

test('whatever comes: whole steps, each change of a row that is there', async (t) => {
  for (const seed of seeds) {
    const gateway = await scripted(t);
    const { collection, lives } = collect(gateway);
    const ready = collection.preload();
    const op = await gateway.operation(0);
    const model = new Map();
    const seen = [];
    collection.subscribeChanges((changes) => {
      for (const { type, key, value } of changes) {
        assert.equal(model.has(key), type !== 'insert', `${type} of ${key}`);
        if (type === 'delete') model.delete(key);
        else model.set(key, value);
      }
      seen.push(text(model.values()));
      assert.equal(seen.at(-1), text(lives[0].rows.values()));
    });
    const states = await play(op, seed, () => [...collection.values()]);
    for (const state of seen) assert.ok(states.has(state), `seed ${seed}: ${state} never was`);
    await ready;
    await collection.cleanup();
    await until('the end', () => op.completed);
  }
});

test('ready with the first snapshot, even an empty one; options are the collection\'s and the subscription\'s', async (t) => {
  const gateway = await scripted(t);
  const { collection } = collect(gateway, { id: 'own', where: { a: 1 }, columns: ['id'], startSync: true, gcTime: 70_000 });
  assert.deepEqual([collection.id, collection.config.gcTime, collection.status], ['own', 70_000, 'loading']);
  const op = await gateway.operation(0);
  assert.deepEqual(op.payload.variables.where, { a: 1 });
  const ready = collection.preload();
  op.frame({ kind: 'SNAPSHOT', last: false, rows: [[1]], columns: ['id'] });
  await tick();
  assert.equal(collection.status, 'loading');
  op.frame({ kind: 'SNAPSHOT', deletes: [1], columns: ['id'] });
  await ready;
  assert.deepEqual([collection.status, collection.size], ['ready', 0]);
  await collection.cleanup();
  await until('the end', () => op.completed);
});

test('live queries never see half a reset', async (t) => {
  const gateway = await scripted(t);
  const { collection } = collect(gateway);
  const cheap = createLiveQueryCollection((q) => q.from({ row: collection }).where(({ row }) => eq(row.price, '1')));
  const sizes = [];
  cheap.subscribeChanges(() => sizes.push(cheap.size));
  const op = await gateway.operation(0);
  op.frame({ kind: 'SNAPSHOT', rows: [[1, '1'], [2, '1'], [3, '2']] });
  await until('rows', () => cheap.size === 2);
  op.frame({ kind: 'RESET', last: false, rows: [[1, '1']] });
  op.frame({ kind: 'RESET', rows: [[2, '2'], [3, '1'], [4, '1']] });
  await until('rows', () => ids([...cheap.values()].sort((a, b) => a.id - b.id)) === '1,3,4');
  assert.ok(sizes.every((size, i) => size === (i < sizes.length - 1 ? 2 : 3)), `${sizes}`);
  await cheap.cleanup();
  await collection.cleanup();
});

test('components of react-db: a condition that changes, on demand', async (t) => {
  quiet(t);
  const gateway = await scripted(t);
  const { collection } = collect(gateway, { syncMode: 'on-demand', gcTime: 1 });
  const page = draw(t, (id) => useLiveQuery({ queryKey: ['row', id], query: (q) => q.from({ row: collection }).where(({ row }) => eq(row.id, id)) }), gateway.client);
  page.render(1);
  const op = await gateway.operation(0);
  op.frame({ kind: 'SNAPSHOT', rows: [[1, '1']] });
  await until('rows', () => ids(page.last().data ?? []) === '1');
  op.frame({ rows: [[1, '1.1']] });
  await until('the change', () => page.last().data[0].price === '1.1');
  page.render(2);
  const other = await until('another', () => gateway.operations.find((o) => o.payload.variables.where.id._eq === 2));
  other.frame({ kind: 'SNAPSHOT', rows: [[2, '2']] });
  await until('rows', () => ids(page.last().data ?? []) === '2');
  page.unmount();
  await until('the ends', () => gateway.operations.every((o) => o.completed));
});

test('an error before the first rows, and after them; a collection that begins again', async (t) => {
  const gateway = await scripted(t);
  const { collection } = collect(gateway);
  const ready = collection.preload();
  (await gateway.operation(0)).fail('BAD_USER_INPUT', 'no such thing');
  await assert.rejects(ready, /no such thing/);
  assert.equal(collection.status, 'error');
  await collection.cleanup();
  const again = collection.preload();
  const op = await gateway.operation(1);
  op.frame({ kind: 'SNAPSHOT', rows: [[1, '1']] });
  await again;
  op.fail('FORBIDDEN', 'no more');
  await until('the error', () => collection.status === 'error');
  assert.equal(collection.size, 1, 'the last known rows stay');
});

test('keys of the caller\'s own, which may change; two rows with one are an error', async (t) => {
  const gateway = await scripted(t);
  const { collection } = collect(gateway, { getKey: (row) => Number(row.price) });
  collection.startSyncImmediate();
  const op = await gateway.operation(0);
  op.frame({ kind: 'SNAPSHOT', rows: [[1, '10'], [2, '20']] });
  await until('rows', () => collection.size === 2);
  op.frame({ rows: [[1, '20'], [2, '10'], [3, '30']] });
  await until('rows', () => collection.size === 3);
  assert.deepEqual([10, 20, 30].map((key) => collection.get(key).id), [2, 1, 3]);
  op.frame({ rows: [[4, '10']], deletes: [2, 3] });
  await until('rows', () => collection.get(10)?.id === 4);
  assert.deepEqual([...collection.keys()].sort(), [10, 20]);
  op.frame({ rows: [[5, '10']] });
  await until('the error', () => collection.status === 'error');
  await until('the end', () => op.completed);
});

const trade = (id) => ({ id, price: '1' });

test('on demand: a subscription for each condition, for as long as somebody asks', async (t) => {
  const gateway = await scripted(t);
  const { collection, lives } = collect(gateway, { syncMode: 'on-demand', where: { price: { _neq: '0' } } });
  const query = (condition) => createLiveQueryCollection((q) => (condition ? q.from({ row: collection }).where(({ row }) => condition(row)) : q.from({ row: collection })));
  const [one, same, two] = [query((row) => eq(row.id, 1)), query((row) => eq(row.id, 1)), query((row) => and(eq(row.id, 2), eq(row.tags, 'x')))];
  const loaded = [one.preload(), same.preload()];
  const op = await gateway.operation(0);
  assert.deepEqual(op.payload.variables.where, { _and: [{ price: { _neq: '0' } }, { id: { _eq: 1 } }] });
  op.frame({ kind: 'SNAPSHOT', rows: [[1, '1']] });
  await Promise.all(loaded);
  assert.deepEqual([text(one.values()), text(same.values())], [text([trade(1)]), text([trade(1)])]);
  const second = two.preload();
  const other = await gateway.operation(1);
  assert.deepEqual(other.payload.variables.where, { _and: [{ price: { _neq: '0' } }, { _and: [{ id: { _eq: 2 } }] }] });
  other.frame({ kind: 'SNAPSHOT', rows: [[2, '1']] });
  await second;
  assert.deepEqual([collection.size, two.size], [2, 0], 'what the gateway is not asked, TanStack DB looks at');
  await two.cleanup();
  await until('the end of it', () => other.completed && collection.size === 1);
  await one.cleanup();
  await tick();
  assert.deepEqual([op.completed, collection.size], [false, 1]);
  await same.cleanup();
  await until('the end of it', () => op.completed && collection.size === 0);
  const all = query();
  const refused = all.preload();
  t.mock.method(console, 'error', () => {}); // TanStack DB says it too
  const last = await gateway.operation(2);
  assert.deepEqual(last.payload.variables.where, { price: { _neq: '0' } });
  last.fail('ROW_LIMIT', 'too many');
  await assert.rejects(refused, /too many/);
  assert.equal(lives.length, 3);
  await all.cleanup();
  await collection.cleanup();
});

/**
 * Two subscriptions of the same rows, of which each is at another time. Rows may
 * be told by both, and must never go back in time.
 */
test('on demand: rows that several subscriptions have never go back', async (t) => {
  for (const seed of [...seeds, 7, 8, 9, 10, 11, 12]) {
    const roll = dice(seed);
    const gateway = await scripted(t);
    const { collection } = collect(gateway, { syncMode: 'on-demand' });
    const queries = ['a', 'b', 'c'].map((tag) => createLiveQueryCollection((q) => q.from({ row: collection }).where(({ row }) => eq(row.id, tag.charCodeAt(0)))));
    for (const query of queries) query.subscribeChanges(() => {});
    const ops = [];
    for (let i = 0; i < 3; i++) ops.push(await gateway.operation(i));

    // The database: at time n a row is {price: n} or gone. A subscription has the rows whose tags name it.
    const past = [new Map()];
    const has = (i, row) => row !== undefined && row[2].includes('abc'[i]);
    const at = [0, 0, 0];
    const epoch = [1000, 1000, 1000];
    const step = () => {
      const rows = new Map(past.at(-1));
      for (let n = roll(4); n >= 0; n--) {
        const id = roll(20);
        if (roll(3) === 0) rows.delete(id);
        else rows.set(id, [id, `${past.length}`, ['a', 'b', 'c'].filter(() => roll(2) === 0)]);
      }
      past.push(rows);
    };
    const send = (i, kind, time) => {
      const [from, to] = [past[at[i]], past[time]];
      const rows = [...to.values()].filter((row) => has(i, row) && (kind !== 'LIVE' || from.get(row[0]) !== row));
      const deletes = kind === 'LIVE' ? [...from.keys()].filter((id) => has(i, from.get(id)) && !has(i, to.get(id))) : [];
      ops[i].frame({ kind, rows, deletes, timestamp: `${epoch[i] + time}` });
      at[i] = time;
    };
    const shown = new Map(); // the newest price of each row that was seen
    let later = false;
    collection.subscribeChanges((changes) => {
      for (const { type, value } of changes) {
        if (type === 'delete') shown.delete(value.id);
        else assert.ok(later || Number(value.price) >= (shown.get(value.id) ?? 0), `seed ${seed}: row ${value.id} goes back to ${value.price}`);
        if (type !== 'delete') shown.set(value.id, Number(value.price));
      }
    });
    step();
    for (const i of [0, 1, 2]) send(i, 'SNAPSHOT', 1);
    for (let round = 0; round < 100; round++) {
      step();
      const i = roll(3);
      const time = at[i] + 1 + roll(past.length - 1 - at[i]);
      if (round === 50) {
        await tick();
        later = true; // another database is behind the gateway, whose times begin anew: what is further is not known
      }
      const reset = round >= 50 && epoch[i] > 0 && roll(4) === 0;
      if (reset) epoch[i] = 0;
      send(i, reset ? 'RESET' : 'LIVE', time);
      if (roll(4) === 0) await tick();
    }
    for (const i of [0, 1, 2]) {
      if (epoch[i] > 0) {
        epoch[i] = 0;
        send(i, 'RESET', past.length - 1 - roll(3));
      }
    }
    step();
    for (const i of [1, 0, 2]) send(i, 'LIVE', past.length - 1);
    const want = text([...past.at(-1).values()].filter((row) => row[2].length > 0).map(([id, price]) => ({ id, price })));
    await until(`${want}, seed ${seed}`, () => text(collection.values()) === want);
    for (const query of queries) await query.cleanup();
    await collection.cleanup();
  }
});
