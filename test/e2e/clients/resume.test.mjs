// The reference client comes back silently after its connection was lost, with
// the variables of the first time. Whatever cursor is among them, the rows that
// it holds must be the database's.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { demo, query, until } from './gateway.mjs';
import { proxy } from './proxy.mjs';

const fields = `kind last timestamp cursor from changes { operation data { _key symbol netPosition latestPrice } }`;
const fetchPage = `query ($where: LivePnLExpression) { livePnLChanges(where: $where) { ${fields} } }`;
const follow = `subscription ($where: LivePnLExpression, $resumeFrom: String) {
  livePnLChanges(where: $where, resumeFrom: $resumeFrom) { ${fields} } }`;
const where = { netPosition: { _gt: '200' } }; // rows come and go

/** What an application keeps: rows by key, each difference laid over them. */
class Collection {
  rows = new Map();
  cursor = undefined;
  kinds = [];
  errors = [];
  past = []; // the newest states, by time

  lay(page) {
    if (page.kind !== this.kinds.at(-1)) this.kinds.push(page.kind);
    if (page.kind === 'SNAPSHOT' || page.kind === 'RESET') {
      if (!this.within) this.rows.clear();
    }
    this.within = !page.last;
    for (const { operation, data } of page.changes) {
      if (operation === 'DELETE') this.rows.delete(data._key);
      else this.rows.set(data._key, data);
    }
    if (!page.last) return;
    this.cursor = page.cursor;
    this.past.push([BigInt(page.timestamp), this.text()]);
    if (this.past.length > 2000) this.past.shift();
  }

  text() { return text(this.rows.values()); }

  /** The state at a time, once a later one is known. */
  at(time) {
    if (!this.past.length || this.past.at(-1)[0] <= time) return undefined;
    return this.past.findLast(([t]) => t <= time)?.[1];
  }

  /** Waits until a state of the database's is here, too, again and again. */
  async equals(gateway) {
    for (let round = 0; round < 5; round++) {
      await until('the rows of the database', async () => {
        const page = (await query(gateway, fetchPage, { where })).data.livePnLChanges;
        const want = text(page.changes.map((c) => c.data));
        const got = await until('a later time', () => {
          this.healthy();
          return this.past.at(-1)?.[0] > BigInt(page.timestamp) && (this.at(BigInt(page.timestamp)) ?? 'unknown');
        });
        return got === want;
      });
    }
  }

  healthy() {
    if (this.errors.length) throw new Error('a subscription failed', { cause: this.errors });
  }
}

const text = (rows) => [...rows].map((r) => JSON.stringify([r._key, r.symbol, r.netPosition, r.latestPrice])).sort().join('\n');

/** Follows with the given variables while the connection is cut again and again. */
async function follows(t, { env, variables, check }) {
  const gateway = await demo({ rate: 1000, env: { TYCOSTREAM_HEARTBEAT: '200ms', ...env } });
  const way = await proxy(gateway.port);
  const collection = new Collection();
  // Fetch, then subscribe.
  const first = (await query(gateway, fetchPage, { where })).data.livePnLChanges;
  assert.equal(first.kind, 'SNAPSHOT');
  collection.lay(first);
  let connected = 0;
  const client = createClient({
    url: way.ws,
    webSocketImpl: WebSocket,
    retryAttempts: Infinity,
    shouldRetry: () => true,
    retryWait: () => wait(10),
    on: { connected() { connected++; } },
  });
  t.after(async () => { await client.dispose(); way.close(); await gateway.stop(); });
  client.subscribe({ query: follow, ...variables(first.cursor, collection) }, {
    next({ data, errors }) {
      if (errors) collection.errors.push(...errors);
      else collection.lay(data.livePnLChanges);
    },
    error: (error) => collection.errors.push(error),
    complete: () => collection.errors.push('completed'),
  });
  await collection.equals(gateway);

  for (let round = 1; round <= 12; round++) {
    const before = connected;
    way.cut();
    // Every third time again, at once, or before anything new can have been taken.
    if (round % 3 === 0) {
      await until('a connection', () => connected > before);
      way.cut();
      await until('another', () => connected > before + 1);
      if (round % 2 === 0) await wait(5);
      way.cut();
    }
    await wait(round * 20);
    if (round % 4 === 0) await collection.equals(gateway);
  }
  await collection.equals(gateway);
  assert.ok(connected > 16, `${connected} connections`);
  check(collection.kinds);
}

const resumes = (kinds) => {
  assert.ok(!kinds.includes('RESET'), `kinds ${kinds}`);
  assert.ok(kinds.filter((k) => k === 'RESUMED').length > 6, `kinds ${kinds}`); // cuts in a row are one
};

test('the variables of the first time, again and again', (t) => follows(t, {
  variables: (cursor) => ({ variables: { where, resumeFrom: cursor } }),
  check: resumes,
}));

test('variables that give the newest cursor', (t) => follows(t, {
  variables: (_, collection) => ({
    get variables() { return { where, resumeFrom: collection.cursor }; },
  }),
  check: resumes,
}));

test('a cursor that is soon too old', (t) => follows(t, {
  env: { TYCOSTREAM_UNDO_AGE: '300ms' },
  variables: (cursor) => ({ variables: { where, resumeFrom: cursor } }),
  check: (kinds) => assert.ok(kinds.includes('RESET'), `kinds ${kinds}`),
}));

test('without a cursor', (t) => follows(t, {
  variables: () => ({ variables: { where } }),
  check: (kinds) => assert.ok(!kinds.includes('RESUMED') && !kinds.includes('RESET'), `kinds ${kinds}`),
}));
