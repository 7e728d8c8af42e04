import './dom.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createElement as h, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { createCollection } from '@tanstack/db';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { TycostreamProvider } from '@tycostream/react';
import { bindAgGrid, getRowId } from '@tycostream/react/ag-grid';
import { tycostreamCollectionOptions } from '@tycostream/react/db';
import { liveQuery, useLiveQuery } from '@tycostream/react/query';
import { scripted, tick, until } from '../../client/test/scripted.js';

const text = (rows) => JSON.stringify([...rows].map(({ id, price }) => [id, price]).sort((a, b) => a[0] - b[0]));

/** Random frames, and what a client must hold after each. */
function* script(seed, steps) {
  let state = seed;
  const dice = (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  const model = new Map();
  const some = () => Array.from({ length: dice(6) }, () => 1 + dice(12));
  for (let i = 0; i < steps; i++) {
    const reset = i === 0 || dice(8) === 0;
    if (reset) model.clear();
    const deletes = reset ? [] : some();
    for (const id of deletes) model.delete(id);
    const rows = [...new Set(some())].filter((id) => !deletes.includes(id)).map((id) => [id, `${dice(4)}`]);
    for (const [id, price] of rows) model.set(id, { id, price });
    const last = i === steps - 1;
    yield { frame: { kind: i === 0 ? 'SNAPSHOT' : reset ? 'RESET' : 'LIVE', rows, deletes }, want: text(model.values()), look: last || dice(3) > 0 };
  }
}

/** Plays a script to a gateway's operation; `held` is compared wherever the script looks. */
async function play(op, seed, held) {
  for (const { frame, want, look } of script(seed, 60)) {
    op.frame(frame);
    if (look) await until(`${want}, seed ${seed}`, () => text(held()) === want);
  }
}

const seeds = [1, Date.now() >>> 0];

test('TanStack Query: the array, and a query for each row', async (t) => {
  for (const seed of seeds) {
    const gateway = await scripted(t);
    const queries = new QueryClient();
    const rowKey = ({ id }) => ['trade', id];
    const live = liveQuery(queries, ['trades'], gateway.client, { source: 'trades', rowKey });
    await play(await gateway.operation(0), seed, () => queries.getQueryData(['trades']) ?? []);
    const rows = queries.getQueryCache().findAll({ queryKey: ['trade'] }).map((q) => q.state.data);
    assert.equal(text(rows), text(live.rows.values()), `seed ${seed}`);
    live.close();
    await until('the end', () => gateway.operations[0].completed);
  }
});

test('TanStack Query: the hook', async (t) => {
  const gateway = await scripted(t);
  const queries = new QueryClient();
  const root = createRoot(document.createElement('div'));
  let last;
  const Show = () => {
    last = useLiveQuery(['trades'], { source: 'trades' });
    return null;
  };
  root.render(h(StrictMode, null, h(QueryClientProvider, { client: queries }, h(TycostreamProvider, { client: gateway.client }, h(Show)))));
  const op = await until('an operation that stays', () => gateway.operations.find((o) => !o.completed));
  await tick();
  const open = () => gateway.operations.filter((o) => !o.completed);
  assert.equal(open().length, 1);
  open()[0].frame({ kind: 'SNAPSHOT', rows: [[1, '1']] });
  await until('rows', () => last.data?.length === 1 && last.liveStatus === 'live');
  open()[0].fail('BAD_USER_INPUT', 'no');
  await until('the error', () => last.liveStatus === 'error');
  assert.deepEqual([last.liveError.message, last.data.length, last.status], ['no', 1, 'success']);
  root.unmount();
  await until('the end', () => open().length <= 1);
  assert.ok(op);
});

test('TanStack DB: the collection', async (t) => {
  for (const seed of seeds) {
    const gateway = await scripted(t);
    const lives = [];
    const collection = createCollection(tycostreamCollectionOptions({ client: gateway.client, source: 'trades', onLive: (l) => lives.push(l) }));
    const ready = collection.preload();
    const op = await gateway.operation(0);
    const model = new Map();
    collection.subscribeChanges((changes) => {
      for (const { type, key, value } of changes) {
        assert.equal(model.has(key), type !== 'insert', `${type} of ${key}`);
        if (type === 'delete') model.delete(key);
        else model.set(key, value);
      }
      assert.equal(text(model.values()), text(lives[0].rows.values()), 'each callback sees whole steps');
    });
    await play(op, seed, () => [...collection.values()]);
    await ready;
    await collection.cleanup();
    await until('the end', () => op.completed);
  }
});

test('TanStack DB: an error', async (t) => {
  const gateway = await scripted(t);
  const collection = createCollection(tycostreamCollectionOptions({ client: gateway.client, source: 'trades' }));
  const ready = collection.preload();
  (await gateway.operation(0)).fail('BAD_USER_INPUT', 'no such thing');
  await assert.rejects(ready, /no such thing/);
  assert.equal(collection.status, 'error');
});

/** A grid's API as far as it is used, strict about what a grid would not find. */
function grid() {
  const rows = new Map();
  let waiting = [];
  const flush = () => {
    for (const { add, update, remove } of waiting.splice(0)) {
      for (const row of remove) assert.ok(rows.delete(getRowId({ data: row })), `remove of ${row._key}`);
      for (const row of add) assert.ok(!rows.has(row._key) && rows.set(row._key, row), `add of ${row._key}`);
      for (const row of update) assert.ok(rows.has(row._key) && rows.set(row._key, row), `update of ${row._key}`);
    }
  };
  const timer = setInterval(flush, 10);
  return {
    rows, destroyed: false, stop: () => clearInterval(timer),
    isDestroyed() { return this.destroyed; },
    setGridOption(name, data) {
      assert.equal(name, 'rowData');
      waiting = [];
      rows.clear();
      for (const row of data) rows.set(row._key, row);
    },
    applyTransactionAsync: (transaction) => waiting.push(transaction),
    flushAsyncTransactions: flush,
  };
}

test('AG Grid', async (t) => {
  for (const seed of seeds) {
    const gateway = await scripted(t);
    const api = grid();
    t.after(api.stop);
    bindAgGrid(api, gateway.client, { source: 'trades' });
    const op = await gateway.operation(0);
    await play(op, seed, () => api.rows.values());
    api.destroyed = true;
    op.frame({ rows: [[99, '1']] });
    await until('the end', () => op.completed);
  }
});
