// graphql-sse with one connection for all operations.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClient } from 'graphql-sse';
import { demo, query, subscribers, until } from './gateway.mjs';
import { Rows } from './rows.mjs';
import { camelCase as style } from './styles.mjs';

let gateway;
before(async () => { gateway = await demo(); });
after(() => gateway.stop());

/** A client that notes its requests. */
function single(options = {}) {
  const asked = [];
  const fetchFn = async (url, init) => {
    const answer = await fetch(url, init);
    asked.push({ method: init.method, status: answer.status, url: String(url), token: new Headers(init.headers).get('x-graphql-event-stream-token') });
    return answer;
  };
  return { asked, client: createClient({ url: gateway.http, singleConnection: true, fetchFn, ...options }) };
}

/** Follows the style's rows. */
function follow(client, where = style.where) {
  const rows = new Rows();
  rows.completed = false;
  rows.stop = client.subscribe({ query: style.rows, variables: { where } }, {
    next: (result) => rows.take(result),
    error: (error) => rows.errors.push(error),
    complete() { rows.completed = true; },
  });
  return rows;
}

async function collect(iterable) {
  const out = [];
  for await (const item of iterable) out.push(item);
  return out;
}

const methods = (asked) => asked.map(({ method, status }) => `${method} ${status}`);

/** How many event streams are open. */
async function streams() {
  const text = await (await fetch(gateway.http.replace('/graphql', '/metrics'))).text();
  return Number(text.match(/^tycostream_connections_active\{transport="sse"\} (\d+)$/m)[1]);
}

test('operations share a stream', async () => {
  const { client, asked } = single();
  const one = follow(client);
  const two = follow(client, {});
  await one.check(gateway);
  await until('all rows', () => two.healthy() && two.held.size === 60 && two.counts.UPDATE > 20);
  assert.equal(await streams(), 1);
  assert.deepEqual(methods(asked).slice(0, 2), ['PUT 201', 'GET 200']);
  assert.deepEqual(methods(asked).slice(2), ['POST 202', 'POST 202']);
  assert.equal(new Set(asked.slice(1).map(({ token }) => token)).size, 1);

  const [answer] = await collect(client.iterate({ query: '{ livePnLByPk(instrumentId: 1) { symbol } }' }));
  assert.equal(typeof answer.data.livePnLByPk.symbol, 'string');

  one.stop();
  await subscribers(gateway, 1);
  await until('one has ended', () => one.completed);
  assert.deepEqual(methods(asked).at(-1), 'DELETE 200');
  const told = { ...one.counts };
  const before = two.counts.UPDATE;
  await until('the other goes on', () => two.healthy() && two.counts.UPDATE > before + 20);
  assert.deepEqual(one.counts, told);

  two.stop();
  await subscribers(gateway, 0);
  await until('the stream is closed with its last operation', async () => await streams() === 0);
  assert.equal(methods(asked).filter((each) => each.startsWith('GET')).length, 1);
  client.dispose();
});

test('a client that goes takes all its operations with it', async () => {
  const { client } = single();
  const all = Array.from({ length: 20 }, () => follow(client));
  await all[19].check(gateway);
  await subscribers(gateway, 20);
  client.dispose();
  await subscribers(gateway, 0);
  assert.equal(await streams(), 0);
});

test('a stream that is kept open', async () => {
  const { client } = single({ lazy: false });
  await until('it is open', async () => await streams() === 1);
  for (let i = 0; i < 3; i++) {
    const rows = follow(client);
    await until('rows', () => rows.healthy() && rows.held.size > 0);
    rows.stop();
    await subscribers(gateway, 0);
    assert.equal(await streams(), 1);
  }
  client.dispose();
  await until('it is closed', async () => await streams() === 0);
});

test('mistakes end their operation', async () => {
  const { client, asked } = single({ retryAttempts: 0 });
  const rows = follow(client);
  await rows.check(gateway);
  const wrong = (text) => collect(client.iterate({ query: text }));
  await assert.rejects(wrong('subscription { livePnL(where: {nosuch: {_eq: 1}}) { operation } }'), /400/); // as GraphQL over HTTP has it
  assert.equal(methods(asked).at(-1), 'POST 400');
  rows.stop();
  await subscribers(gateway, 0);
  client.dispose();
});

test('a client outlasts the gateway', async () => {
  let connected = 0;
  const again = () => {
    connected++;
    rows.clear(); // a new snapshot follows
  };
  const { client } = single({ on: { connected: again }, retryAttempts: 50, retry: () => new Promise((resolve) => { setTimeout(resolve, 100); }) });
  const rows = follow(client);
  await rows.check(gateway);
  const { port } = gateway;
  await gateway.stop();
  gateway = await demo({ port });
  await rows.check(gateway);
  assert.equal(connected, 2);
  assert.equal((await query(gateway, '{ sources { subscribers } }')).data.sources[0].subscribers, 1);
  rows.stop();
  await subscribers(gateway, 0);
  client.dispose();
});
