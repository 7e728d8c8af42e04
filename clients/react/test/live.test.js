// The real gateway: what hooks and bridges show must be states of the database.
import { dice, draw, seeds } from './page.js';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createElement as h } from 'react';
import {
  and, createCollection, createLiveQueryCollection, eq, gt, gte, ilike, inArray, isNull, like, lt, lte, not, or, upper,
} from '@tanstack/db';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { WebSocket } from 'ws';
import { createClient } from '@tycostream/client';
import { RealtimeProvider, useLiveRow, useLiveTable, useRealtimeSubscription } from '@tycostream/react';
import { bindAgGrid, getRowId } from '@tycostream/react/ag-grid';
import { tycostreamCollectionOptions } from '@tycostream/react/db';
import { useLiveQuery } from '@tycostream/react/query';
import { demo, query, until } from '../../../test/e2e/clients/gateway.mjs';

const { AllCommunityModule, createGrid, ModuleRegistry } = await import('ag-grid-community');
ModuleRegistry.registerModules([AllCommunityModule]);

let moving;
let still;
before(async () => {
  moving = await demo({ rate: 100, env: { TYCOSTREAM_ROW_CHANNELS: 'true', DATA_DIR: '' } });
  still = await demo({ rate: 0, env: { DATA_DIR: '' } });
});
after(async () => {
  await moving?.stop();
  await still?.stop();
});

function connect(t, gateway) {
  const client = createClient({ url: gateway.ws, webSocketImpl: WebSocket });
  t.after(() => client.dispose());
  return client;
}

const source = 'livePnL';
const where = { netPosition: { _gt: '200' } }; // rows come and go
const columns = ['instrumentId', 'symbol', 'netPosition', 'latestPrice'];
const text = (rows) => [...rows].map((r) => JSON.stringify(columns.map((name) => r[name]))).sort().join('\n');

test('hooks and bridges show states of the database, and go on doing so', { timeout: 300_000 }, async (t) => {
  const client = connect(t, moving);
  const states = new Set([text([])]);
  const live = client.liveRows({ source, where, columns });
  live.subscribe(() => states.add(text(live.rows.values())));

  const seen = { hook: new Set(), query: new Set(), db: new Set(), grid: new Set(), demand: new Set() };
  const queries = new QueryClient();
  t.after(() => queries.clear());
  const page = draw(t, () => {
    const table = useLiveTable(source, { where, columns, sortBy: { column: 'latestPrice', descending: true } });
    const { data = [] } = useLiveQuery(['pnl'], { source, where, columns });
    seen.hook.add(text(table.rows));
    seen.query.add(text(data));
    return table;
  }, client, (children) => h(QueryClientProvider, { client: queries }, children));
  page.render({});

  const collection = createCollection(tycostreamCollectionOptions({ client, source, where, columns }));
  collection.subscribeChanges(() => seen.db.add(text(collection.values())));
  const onDemand = createCollection(tycostreamCollectionOptions({ client, source, columns, syncMode: 'on-demand', numbers: 'NUMBER' }));
  const rich = createLiveQueryCollection((q) => q.from({ row: onDemand }).where(({ row }) => gt(row.netPosition, 200)));
  rich.subscribeChanges(() => seen.demand.add(text([...rich.values()].map((r) => ({ ...r, netPosition: `${r.netPosition}`, latestPrice: null })))));

  const element = document.createElement('div');
  const api = createGrid(element, { columnDefs: [], getRowId, asyncTransactionWaitMillis: 0 });
  t.after(() => api.destroy());
  api.addEventListener('asyncTransactionsFlushed', () => {
    const rows = [];
    api.forEachNode((node) => rows.push(node.data));
    seen.grid.add(text(rows));
  });
  bindAgGrid(api, client, { source, where, columns });

  await until('states of all', () => Object.values(seen).every((s) => s.size > 15), 40_000);
  const { rows } = page.last();
  assert.deepEqual(rows.map((r) => r.latestPrice), rows.map((r) => r.latestPrice).sort((a, b) => b - a));
  const last = Object.values(seen).map((s) => s.size);
  await new Promise((resolve) => setTimeout(resolve, 300)); // let all get what one has
  for (const [name, own] of Object.entries(seen)) {
    const known = name === 'demand' ? new Set([...states].map((s) => s.replace(/,("[^"]*"|null)\]$/gm, ',null]'))) : states;
    const unknown = [...own].slice(0, last[0]).filter((s) => !known.has(s));
    assert.deepEqual(unknown, [], name);
  }
  await collection.cleanup();
  await rich.cleanup();
});

test('one row by its `_key`, and row channels that change a query', { timeout: 300_000 }, async (t) => {
  const client = connect(t, moving);
  const queries = new QueryClient();
  t.after(() => queries.clear());
  const channel = { url: moving.ws.replace(/\/graphql$/, '/ws'), queryClient: queries };
  const fetch = async () => (await query(moving, '{ livePnL { instrument_id: instrumentId symbol latest_price: latestPrice } }')).data.livePnL;
  await queries.prefetchQuery({ queryKey: ['pnl'], queryFn: fetch, staleTime: Infinity });
  const first = JSON.stringify(queries.getQueryData(['pnl']));
  const page = draw(t, () => {
    useRealtimeSubscription('live_pnl', ['pnl'], true, null, null, null, { key: 'instrument_id' });
    return useLiveRow(source, '7', { columns: ['instrumentId', 'latestPrice'] });
  }, client, (children) => h(RealtimeProvider, channel, children));
  page.render({});
  await until('the row', () => page.last()?.row?.instrumentId === 7);
  const price = page.last().row.latestPrice;
  await until('changes', () => page.last().row.latestPrice !== price && JSON.stringify(queries.getQueryData(['pnl'])) !== first);
  assert.equal(queries.getQueryData(['pnl']).length, 60);
  const prices = () => [page.last().row.latestPrice, queries.getQueryData(['pnl']).find((r) => r.instrument_id === 7)?.latest_price];
  await until('the two agree', () => prices()[0] === prices()[1]);
});

/** A condition, by chance. */
function condition(roll, rows, depth = 0) {
  const row = () => rows[roll(rows.length)];
  const compare = [eq, gt, gte, lt, lte];
  const pick = (list) => list[roll(list.length)];
  if (depth < 3 && roll(2) === 0) {
    const [a, b] = [condition(roll, rows, depth + 1), condition(roll, rows, depth + 1)];
    return pick([(r) => and(a(r), b(r)), (r) => or(a(r), b(r)), (r) => not(a(r))]);
  }
  const [op, one, two] = [pick(compare), row(), row()];
  const start = one.symbol.slice(0, 1 + roll(2));
  return pick([
    (r) => op(r.instrumentId, one.instrumentId),
    (r) => op(two.instrumentId, r.instrumentId),
    (r) => op(r.instrumentId, one.instrumentId + 0.5),
    (r) => op(r.symbol, one.symbol),
    (r) => op(r.latestPrice, Number(one.latestPrice)),
    (r) => op(r.latestPrice, one.latestPrice),
    (r) => op(r.theoreticalPnl, Math.round(one.theoreticalPnl)),
    (r) => op(r.netPosition, Number(one.netPosition)),
    (r) => op(r.netPosition, one.netPosition),
    (r) => inArray(r.instrumentId, [one.instrumentId, two.instrumentId, null]),
    (r) => inArray(r.symbol, [one.symbol, two.symbol, 'none']),
    (r) => like(r.symbol, `${start}%`),
    (r) => like(r.symbol, `_${start}%`),
    (r) => ilike(r.symbol, `%${start.toLowerCase()}%`),
    (r) => isNull(r.avgCostBasis),
    (r) => eq(upper(r.symbol), one.symbol),
  ]);
}

test('what is asked of the gateway on demand never leaves out a row', { timeout: 300_000 }, async (t) => {
  const client = connect(t, still);
  const rows = (await query(still, '{ livePnL { instrumentId symbol netPosition latestPrice theoreticalPnl } }')).data.livePnL;
  for (const numbers of ['EXACT', 'NUMBER']) {
    const all = createCollection(tycostreamCollectionOptions({ client, source, numbers }));
    await all.preload();
    let asked = 0;
    let answered = 0;
    for (const seed of seeds) {
      const roll = dice(seed);
      for (let round = 0; round < 60; round++) {
        const some = createCollection(tycostreamCollectionOptions({ client, source, numbers, syncMode: 'on-demand' }));
        const test = condition(roll, rows);
        const [here, there] = [all, some].map((from) => createLiveQueryCollection((q) => q.from({ row: from }).where(({ row }) => test(row))));
        await Promise.all([here.preload(), there.preload()]);
        assert.equal(text(there.values()), text(here.values()), `seed ${seed}, round ${round}, ${numbers}`);
        asked += some.size;
        answered += there.size;
        await Promise.all([here.cleanup(), there.cleanup()]);
        await some.cleanup();
      }
    }
    t.diagnostic(`${numbers}: ${asked} rows were loaded for ${answered} that were wanted`);
    assert.ok(asked < 2 * 60 * rows.length * 0.9, 'something is pushed down');
    await all.cleanup();
  }
});
