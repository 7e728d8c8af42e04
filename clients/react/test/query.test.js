import { draw, ids, play, quiet, seeds, text } from './page.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createElement as h, Suspense } from 'react';
import { QueryClient, QueryClientProvider, QueryObserver, useSuspenseQuery } from '@tanstack/react-query';
import { liveQuery, liveQueryOptions, useLiveQuery } from '@tycostream/react/query';
import { scripted, tick, until } from '../../client/test/scripted.js';

const key = ['trades'];

/** A cache of its own for a test, and whatever it may keep a process alive with gone at the end. */
function cache(t) {
  const queries = new QueryClient();
  t.after(() => queries.clear());
  return queries;
}

test('liveQuery: the array, and a query for each row', async (t) => {
  for (const seed of seeds) {
    const gateway = await scripted(t);
    const queries = cache(t);
    const seen = new Set();
    queries.getQueryCache().subscribe(({ query }) => {
      if (query.queryKey === key && query.state.data) seen.add(text(query.state.data));
    });
    const live = liveQuery(queries, key, gateway.client, { source: 'trades', rowKey: ({ id }) => ['trade', id] });
    const states = await play(await gateway.operation(0), seed, () => queries.getQueryData(key) ?? []);
    for (const state of seen) assert.ok(states.has(state), `seed ${seed}: ${state} never was`);
    const rows = queries.getQueryCache().findAll({ queryKey: ['trade'] }).map((q) => q.state.data);
    assert.equal(text(rows), text(live.rows), `seed ${seed}`);
    live.close();
    live.close();
    await until('the end', () => gateway.operations[0].completed);
  }
});

test('liveQuery: rows that have not changed are the same objects; a map; an order', async (t) => {
  const gateway = await scripted(t);
  const queries = cache(t);
  const list = liveQuery(queries, key, gateway.client, { source: 'trades', sortBy: { column: 'id', descending: true } });
  const map = liveQuery(queries, ['map'], gateway.client, { source: 'trades', form: 'map' });
  const op = await gateway.operation(0);
  op.frame({ kind: 'SNAPSHOT', rows: [[1, '1'], [2, '2'], [3, '3']] });
  await Promise.all([list.ready, map.ready]);
  const before = queries.getQueryData(key);
  assert.deepEqual([ids(before), list.status, list.source.field], ['3,2,1', 'live', 'trades']);
  assert.ok(list.age() >= 250);
  op.frame({ deletes: [3] });
  await until('it', () => ids(queries.getQueryData(key)) === '2,1');
  assert.equal(queries.getQueryData(key)[0], before[1]);
  op.frame({ rows: [[4, '4']] });
  await until('it', () => ids(queries.getQueryData(key)) === '4,2,1');
  assert.deepEqual([...queries.getQueryData(['map']).keys()], ['1', '2', '4']);
  assert.equal(gateway.operations.length, 1);
  list.close();
  op.frame({ rows: [[5, '5']] });
  await until('it', () => queries.getQueryData(['map']).size === 4);
  assert.equal(ids(queries.getQueryData(key)), '4,2,1', 'closed: the last known rows stay');
  map.close();
});

test('liveQuery: it keeps its query in the cache, and ends with it', async (t) => {
  const gateway = await scripted(t);
  const queries = new QueryClient({ defaultOptions: { queries: { gcTime: 1 } } });
  const live = liveQuery(queries, key, gateway.client, { source: 'trades' });
  const op = await gateway.operation(0);
  assert.equal(queries.getQueryState(key).fetchStatus, 'fetching');
  op.frame({ kind: 'SNAPSHOT', rows: [[1, '1']] });
  await live.ready;
  await tick();
  assert.equal(ids(queries.getQueryData(key)), '1');
  queries.removeQueries({ queryKey: key });
  op.frame({ rows: [[2, '2']] });
  await until('the end', () => op.completed);
  assert.equal(queries.getQueryData(key), undefined);
});

test('liveQuery: closed, or refused, before there is anything', async (t) => {
  const gateway = await scripted(t);
  const queries = cache(t);
  const closed = liveQuery(queries, key, gateway.client, { source: 'trades' });
  closed.close();
  await assert.rejects(closed.ready, { code: 'CLOSED' });
  const refused = liveQuery(queries, key, gateway.client, { source: 'trades', where: { a: 1 } });
  (await until('it', () => gateway.operations.find((o) => o.payload.variables.where))).fail('BAD_USER_INPUT', 'no such column');
  await assert.rejects(refused.ready, { code: 'BAD_USER_INPUT' });
  await until('the query says so', () => queries.getQueryState(key).status === 'error');
  assert.equal(queries.getQueryState(key).error.message, 'no such column');
  refused.close();
});

const within = (queries) => (children) => h(QueryClientProvider, { client: queries }, children);

test('useLiveQuery: whatever comes', async (t) => {
  quiet(t);
  for (const seed of seeds) {
    const gateway = await scripted(t);
    const queries = cache(t);
    const options = { source: 'trades', rowKey: ({ id }) => ['trade', id] };
    const page = draw(t, () => useLiveQuery(key, options), gateway.client, within(queries));
    page.render({});
    const states = await play(await gateway.operation(0), seed, () => page.last().data ?? []);
    assert.equal(gateway.operations.length, 1, 'StrictMode subscribes once');
    for (const { data } of page.drawn) assert.ok(states.has(text(data ?? [])), `seed ${seed}`);
    const rows = queries.getQueryCache().findAll({ queryKey: ['trade'] }).map((q) => q.state.data);
    assert.equal(text(rows), text(page.last().data), `seed ${seed}`);
    page.unmount();
  }
});

test('useLiveQuery: rows stay in the cache between components, rows that went meanwhile go', async (t) => {
  const gateway = await scripted(t);
  const queries = cache(t);
  const use = (more) => useLiveQuery(key, { source: 'trades', rowKey: ({ id }) => ['trade', id], ...more });
  const page = draw(t, use, gateway.client, within(queries));
  page.render({});
  (await gateway.operation(0)).frame({ kind: 'SNAPSHOT', rows: [[1, '1'], [2, '2']] });
  await until('rows', () => page.last().data && page.last().liveStatus === 'live');
  await until('the fetch is over', () => page.last().status === 'success' && page.last().fetchStatus === 'idle');
  page.unmount();
  await until('the end', () => gateway.operations[0].completed);
  const again = draw(t, use, gateway.client, within(queries));
  again.render({});
  const op = await gateway.operation(1);
  assert.deepEqual([ids(again.drawn[0].data), again.last().liveStatus, again.last().isFetching], ['1,2', 'connecting', false]);
  op.frame({ kind: 'SNAPSHOT', rows: [[2, '2.2'], [3, '3']] });
  await until('rows', () => ids(again.last().data) === '2,3');
  assert.equal(queries.getQueryData(['trade', 1]), undefined);
  assert.equal(queries.getQueryData(['trade', 2]).price, '2.2');
  await queries.refetchQueries({ queryKey: key });
  assert.equal(ids(again.last().data), '2,3');
  assert.equal(gateway.operations.length, 2, 'to fetch again is to take what there is');
  again.render({ enabled: false });
  await until('the end', () => op.completed);
  assert.deepEqual([again.last().liveStatus, ids(again.last().data)], ['idle', '2,3']);
});

test('useLiveQuery: another filter at the same key, and errors', async (t) => {
  const gateway = await scripted(t);
  const queries = cache(t);
  const page = draw(t, (where) => useLiveQuery(key, { source: 'trades', where }), gateway.client, within(queries));
  page.render({ id: 1 });
  (await gateway.operation(0)).frame({ kind: 'SNAPSHOT', rows: [[1, '1']] });
  await until('rows', () => ids(page.last().data ?? []) === '1');
  page.render({ id: 2 });
  const op = await gateway.operation(1);
  assert.equal(ids(page.last().data), '1');
  op.frame({ kind: 'SNAPSHOT', rows: [[2, '2']] });
  await until('rows', () => ids(page.last().data) === '2');
  op.fail('FORBIDDEN', 'no more');
  await until('the error', () => page.last().liveStatus === 'error');
  assert.deepEqual([page.last().liveError.message, ids(page.last().data), page.last().status], ['no more', '2', 'success']);
  void page.last().refetch();
  (await gateway.operation(2)).frame({ kind: 'SNAPSHOT', rows: [[3, '3']] });
  await until('rows', () => ids(page.last().data) === '3' && page.last().liveStatus === 'live');
});

test('useLiveQuery: an error before there are rows is the query\'s', async (t) => {
  const gateway = await scripted(t);
  const queries = cache(t);
  const page = draw(t, () => useLiveQuery(key, { source: 'trades' }), gateway.client, within(queries));
  page.render({});
  (await gateway.operation(0)).fail('BAD_USER_INPUT', 'no');
  await until('the error', () => page.last().status === 'error' && page.last().liveStatus === 'error');
  assert.equal(page.last().error, page.last().liveError);
  page.last().retry();
  (await gateway.operation(1)).frame({ kind: 'SNAPSHOT', rows: [[1, '1']] });
  await until('rows', () => page.last().status === 'success' && ids(page.last().data) === '1');
});

test('liveQueryOptions: suspense, loaders, observers', async (t) => {
  const gateway = await scripted(t);
  const queries = cache(t);
  const options = liveQueryOptions(key, gateway.client, { source: 'trades' });
  const loaded = queries.ensureQueryData(options);
  const op = await gateway.operation(0);
  op.frame({ kind: 'SNAPSHOT', rows: [[1, '1']] });
  assert.equal(ids(await loaded), '1');
  const use = () => [useSuspenseQuery(options).data, useLiveQuery(key, { source: 'trades' }).data];
  const page = draw(t, use, gateway.client, (children) => within(queries)(h(Suspense, { fallback: null }, children)));
  page.render({});
  await until('a drawing', () => page.drawn.length > 0);
  op.frame({ rows: [[2, '2']] });
  await until('both', () => page.last().every((data) => ids(data) === '1,2'));
  assert.equal(gateway.operations.length, 1, 'the component goes on with what the loader began');
  assert.equal(new QueryObserver(queries, options).getCurrentResult().isStale, false);
  page.unmount();
  await until('the end', () => op.completed);

  const never = queries.fetchQuery({ ...liveQueryOptions(['never'], gateway.client, { source: 'trades' }) });
  never.catch(() => {});
  await gateway.operation(1);
  await queries.cancelQueries({ queryKey: ['never'] });
  await until('the end of what nobody waits for', () => gateway.operations[1].completed);
});
