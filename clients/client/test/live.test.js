// The real gateway: rows must be the database's at every time that both name.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { createClient } from '@tycostream/client';
import { demo, query, until } from '../../../test/e2e/clients/gateway.mjs';

const where = { netPosition: { _gt: '200' } }; // rows come and go
const page = `query ($where: LivePnLExpression) {
  livePnLChanges(where: $where) { timestamp changes { data { _key symbol netPosition latestPrice } } } }`;
const text = (rows) => [...rows].map((r) => JSON.stringify([r._key, r.symbol, r.netPosition, r.latestPrice])).sort().join('\n');

/** Lays every batch over rows of its own, and keeps the states of the last while. */
function record(live) {
  const rows = new Map();
  const past = [];
  live.subscribe(({ inserts, updates, deletes, timestamp }) => {
    for (const r of inserts) assert.ok(!rows.has(r._key), `insert of ${r._key}, which is held`);
    for (const r of [...updates, ...deletes]) assert.ok(rows.has(r._key), `change of ${r._key}, which is not held`);
    for (const r of [...inserts, ...updates]) rows.set(r._key, r);
    for (const r of deletes) rows.delete(r._key);
    assert.equal(text(rows.values()), text(live.rows.values()));
    past.push([BigInt(timestamp), text(rows.values())]);
    if (past.length > 3000) past.shift();
  });
  /** Compares with answers of the gateway. */
  return async (gateway, rounds = 4) => {
    for (let round = 0; round < rounds; round++) {
      await until('the rows of the database', async () => {
        const { timestamp, changes } = (await query(gateway, page, { where })).data.livePnLChanges;
        const time = BigInt(timestamp);
        await until('a later time', () => past.length > 0 && past.at(-1)[0] > time);
        return past.findLast(([t]) => t <= time)?.[1] === text(changes.map((c) => c.data));
      });
    }
  };
}

/** A way to the gateway that can be cut. */
async function proxy(t, port) {
  const sockets = new Set();
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    for (const [from, to] of [[client, upstream], [upstream, client]]) {
      sockets.add(from);
      from.pipe(to);
      from.on('error', () => {});
      from.on('close', () => { sockets.delete(from); to.destroy(); });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => { for (const s of sockets) s.resetAndDestroy(); };
  t.after(() => { server.close(); cut(); });
  return { url: `ws://127.0.0.1:${server.address().port}/graphql`, cut };
}

let gateway;
before(async () => { gateway = await demo({ rate: 1000, env: { TYCOSTREAM_HEARTBEAT: '200ms' } }); });
after(() => gateway.stop());

function client(t, url, options = {}) {
  const made = createClient({ url, webSocketImpl: WebSocket, retryWait: () => 10, ...options });
  t.after(() => made.dispose());
  return made;
}

test('rows are the database\'s, however often the connection is cut', async (t) => {
  const way = await proxy(t, gateway.port);
  const kinds = [];
  const live = client(t, way.url).liveRows({ source: 'live_pnl', where, columns: ['symbol', 'netPosition', 'latestPrice'] });
  live.subscribe(({ kind }) => { if (kind !== kinds.at(-1)) kinds.push(kind); });
  const equals = record(live);
  await live.ready;
  assert.equal(live.source.field, 'livePnL');
  await equals(gateway);
  let breaks = 0;
  live.onStatus(({ status }) => { if (status === 'stale') breaks++; });
  for (let round = 1; round <= 12; round++) {
    const before = breaks;
    way.cut();
    await until('it notices', () => breaks > before);
    if (round % 3 === 0) {
      await wait(round * 3); // while it connects, subscribes, or has just got the difference
      way.cut();
      await wait(5);
    }
    await until('it goes on', () => live.status === 'live');
    if (round % 4 === 0) await equals(gateway);
  }
  await equals(gateway);
  assert.ok(breaks >= 12 && kinds.includes('RESUMED') && !kinds.includes('RESET'), `${breaks} breaks: ${kinds}`);
  assert.ok(live.age() < 5000);
});

test('slow loops and rates end in the same rows', async (t) => {
  const many = client(t, gateway.ws);
  const fast = many.liveRows({ source: 'livePnL', where });
  const rated = many.liveRows({ source: 'livePnL', where, maxRate: 5, maxRows: 7 });
  const equals = record(rated);
  const rows = new Map();
  const slow = (async () => {
    for await (const { inserts, updates, deletes } of fast) {
      for (const r of inserts) assert.ok(!rows.has(r._key));
      for (const r of [...updates, ...deletes]) assert.ok(rows.has(r._key));
      for (const r of [...inserts, ...updates]) rows.set(r._key, r);
      for (const r of deletes) rows.delete(r._key);
      await wait(60);
    }
  })();
  await equals(gateway, 2);
  fast.close();
  await slow;
  assert.equal(text(rows.values()), text(fast.rows.values()));
});

test('a gateway that is killed and comes back', async (t) => {
  const first = await demo({ rate: 300 });
  const live = client(t, first.http).liveRows({ source: 'livePnL', where });
  const equals = record(live);
  const filled = new Set();
  live.subscribe(() => filled.add(live.rows.size > 0));
  await live.ready;
  await first.stop('SIGKILL');
  await until('it notices', () => live.status === 'stale');
  const held = live.rows.size;
  await wait(100);
  assert.equal(live.rows.size, held);
  const second = await demo({ rate: 300, port: first.port });
  t.after(() => second.stop('SIGKILL'));
  await until('live', () => live.status === 'live');
  await equals(second, 2);
  assert.deepEqual([...filled], [true], 'rows were there all the time');
});

test('what the gateway refuses', async (t) => {
  const many = client(t, gateway.http);
  const refused = (options) => assert.rejects(many.liveRows({ source: 'livePnL', ...options }).ready, (e) => {
    t.diagnostic(`${e.code} ${e.argument}: ${e.message}`);
    return e.name === 'LiveError';
  });
  await refused({ where: { symbol: { _regex: '(' } } });
  await refused({ where: { nosuch: { _eq: 1 } } });
  await refused({ where: { symbol: { _eq: null } } });
  await refused({ where: 'x' });
  await refused({ maxRate: -1 });
  const data = await many.request('query ($id: Int!) { livePnLByPk(instrumentId: $id) { _key } }', { id: 3 });
  assert.deepEqual(data, { livePnLByPk: { _key: '3' } });
  await assert.rejects(many.request('{ nope }'), { code: 'GRAPHQL_VALIDATION_FAILED' });
});
