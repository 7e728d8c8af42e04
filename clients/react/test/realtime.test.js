import './dom.js';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { createElement as h, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { QueryClient, QueryObserver } from '@tanstack/react-query';
import { WebSocketServer } from 'ws';
import { RealtimeProvider, useRealtimeSubscription } from '@tycostream/react';
import { tick, until } from '../../client/test/scripted.js';

async function channels(t) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const gateway = { url: `ws://127.0.0.1:${server.address().port}/ws`, heard: [], sockets: [], mute: false };
  server.on('connection', (socket) => {
    gateway.sockets.push(socket);
    socket.on('message', (data) => {
      const message = JSON.parse(data);
      gateway.heard.push(message);
      if (gateway.mute) return;
      const { channel, type } = message;
      if (type === 'ping') socket.send('{"type":"pong"}');
      else socket.send(JSON.stringify(channel === 'nosuch' ? { type: 'error', channel, message: 'there is no source "nosuch"' } : { type: 'subscribed', channel }));
    });
  });
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  gateway.say = (message) => gateway.sockets.at(-1).send(JSON.stringify(message));
  gateway.open = () => gateway.sockets.filter((socket) => socket.readyState === 1).length;
  return gateway;
}

function page(t, provider, ...uses) {
  const root = createRoot(document.createElement('div'));
  const Show = ({ use }) => {
    use();
    return null;
  };
  const render = (...given) => root.render(h(StrictMode, null, h(RealtimeProvider, provider, ...given.map((use, i) => h(Show, { use, key: i })))));
  render(...uses);
  t.after(() => root.unmount());
  return { render, unmount: () => root.unmount() };
}

const insert = { op: 'INSERT', table: 'live_pnl', new: { id: 1 }, old: null };
const update = { op: 'UPDATE', table: 'live_pnl', new: { id: 1, a: 2 }, old: { id: 1 } };
const remove = { op: 'DELETE', table: 'live_pnl', new: null, old: { id: 1, a: 2 } };

test('rows reach callbacks; components share a channel', async (t) => {
  const gateway = await channels(t);
  const got = [];
  const use = () => useRealtimeSubscription('live_pnl', ['x'], true, (row) => got.push(['+', row]), (row, old) => got.push(['~', row, old]), (old) => got.push(['-', old]));
  const shown = page(t, { url: gateway.url }, use, use);
  await until('a subscription', () => gateway.heard.length > 0);
  for (const message of [insert, update, remove]) gateway.say(message);
  await until('all', () => got.length === 6);
  assert.deepEqual(got.filter((_, i) => i % 2 === 0), [['+', insert.new], ['~', update.new, update.old], ['-', remove.old]]);
  assert.equal(gateway.open(), 1);
  shown.render(use);
  await tick();
  assert.equal(gateway.open(), 1);
  shown.unmount();
  await until('the end', () => gateway.open() === 0);
});

/** A query whose server is `rows`, answering when the test says. */
function trades(t, key = ['trades']) {
  const queryClient = new QueryClient();
  t.after(() => queryClient.clear());
  const server = { rows: [], fetches: [], held: false, key, queryClient };
  queryClient.setQueryDefaults(key, {
    queryFn: () => {
      const answer = Array.isArray(server.rows) ? [...server.rows] : server.rows;
      return new Promise((resolve) => {
        const fetch = { answer: () => resolve(answer) };
        server.fetches.push(fetch);
        if (!server.held) fetch.answer();
      });
    },
    staleTime: Infinity,
  });
  server.data = () => queryClient.getQueryData(key);
  return server;
}

test('without callbacks the rows of the query change', async (t) => {
  const gateway = await channels(t);
  const server = trades(t);
  server.rows = [{ id: 1, a: 1 }, { id: 2, a: 1 }];
  await server.queryClient.prefetchQuery({ queryKey: server.key });
  page(t, { url: gateway.url, queryClient: server.queryClient }, () => useRealtimeSubscription('live_pnl', server.key));
  await until('the channel', () => server.queryClient.getQueryState(server.key).isInvalidated);
  gateway.say({ op: 'UPDATE', new: { id: 1, a: 2 }, old: { id: 1, a: 1 } });
  gateway.say({ op: 'INSERT', new: { id: 3, a: 1 }, old: null });
  gateway.say({ op: 'DELETE', new: null, old: { id: 2, a: 1 } });
  await until('it', () => JSON.stringify(server.data()) === '[{"id":1,"a":2},{"id":3,"a":1}]');
  gateway.say({ op: 'UPDATE', new: { id: 4, a: 2 }, old: { id: 3, a: 1 } });
  gateway.say({ op: 'INSERT', new: { id: 1, a: 5 }, old: null });
  await until('it', () => JSON.stringify(server.data()) === '[{"id":1,"a":5},{"id":4,"a":2}]');
  assert.equal(server.fetches.length, 1);
});

test('a fetch that answers after a change does not undo it', async (t) => {
  const gateway = await channels(t);
  const server = trades(t);
  server.rows = [{ id: 1, a: 1 }, { id: 2, a: 1 }];
  await server.queryClient.prefetchQuery({ queryKey: server.key });
  page(t, { url: gateway.url, queryClient: server.queryClient }, () => useRealtimeSubscription('live_pnl', server.key));
  await until('the channel', () => server.queryClient.getQueryState(server.key).isInvalidated);
  server.held = true;
  const fetched = server.queryClient.refetchQueries({ queryKey: server.key });
  gateway.say({ op: 'UPDATE', new: { id: 1, a: 2 }, old: { id: 1, a: 1 } });
  gateway.say({ op: 'DELETE', new: null, old: { id: 2, a: 1 } });
  await until('it', () => JSON.stringify(server.data()) === '[{"id":1,"a":2}]');
  server.fetches.at(-1).answer(); // as it was before
  await fetched;
  await until('it', () => JSON.stringify(server.data()) === '[{"id":1,"a":2}]');
  await tick();
  assert.equal(JSON.stringify(server.data()), '[{"id":1,"a":2}]');
});

test('data of another shape, and rows without the key, are invalidated', async (t) => {
  const gateway = await channels(t);
  const server = trades(t);
  const { queryClient, key } = server;
  const state = () => queryClient.getQueryState(key);
  page(t, { url: gateway.url, queryClient }, () => useRealtimeSubscription('live_pnl', key, true, null, null, null, { key: ['venue', 'id'] }));
  await until('a subscription', () => gateway.heard.length > 0);
  for (const data of [{ pages: [] }, [{ id: 1, venue: 'X' }]]) {
    queryClient.setQueryData(key, data);
    await tick();
    await until('the first ones are through', () => !state().isInvalidated || queryClient.setQueryData(key, data));
    gateway.say(update);
    await until('it', () => state().isInvalidated);
    assert.deepEqual(server.data(), data);
  }
  queryClient.setQueryData(key, [{ venue: 'X', id: 1 }, { venue: 'Y', id: 1 }]);
  gateway.say({ op: 'UPDATE', new: { id: 1, venue: 'X', a: 1 }, old: { id: 1, venue: 'X' } });
  await until('it', () => JSON.stringify(server.data()) === '[{"id":1,"venue":"X","a":1},{"venue":"Y","id":1}]');
});

test('on a busy channel a slow fetch comes to its end', async (t) => {
  const gateway = await channels(t);
  const server = trades(t);
  const { queryClient, key, fetches } = server;
  server.rows = 'not rows';
  await queryClient.prefetchQuery({ queryKey: key });
  t.after(new QueryObserver(queryClient, { queryKey: key }).subscribe(() => {})); // it fetches what is invalidated
  server.held = true;
  page(t, { url: gateway.url, queryClient }, () => useRealtimeSubscription('live_pnl', key));
  await until('the channel, and a fetch', () => fetches.length === 2);
  for (let i = 0; i < 20; i++) {
    gateway.say(update);
    await tick();
  }
  assert.equal(fetches.length, 2, 'none begins anew');
  fetches.at(-1).answer();
  await until('then it is fetched again', () => fetches.length === 3);
  fetches.at(-1).answer();
});

test('the query is invalidated whenever the channel begins', async (t) => {
  const gateway = await channels(t);
  const invalidated = [];
  const queryClient = { invalidateQueries: ({ queryKey }) => invalidated.push(queryKey), isFetching: () => 0, getQueryData: () => undefined, setQueryData: () => {} };
  const use = () => useRealtimeSubscription('live_pnl', ['pnl'], true, () => {});
  const shown = page(t, { url: gateway.url, queryClient }, use);
  await until('it', () => invalidated.length === 1);
  gateway.sockets.at(-1).terminate();
  await until('after a reconnect', () => invalidated.length === 2);
  gateway.say({ type: 'error', channel: 'live_pnl', message: 'too slow', code: 'RESYNC_REQUIRED' });
  t.mock.method(console, 'error', () => {});
  gateway.say({ type: 'unsubscribed', channel: 'live_pnl' });
  await until('after the gateway ended it', () => invalidated.length === 3);
  shown.render(use, use);
  await until('for a component that comes later', () => invalidated.length === 4);
  assert.deepEqual([gateway.heard.length, gateway.open(), invalidated[3]], [3, 1, ['pnl']]);
});

test('a gateway that is silent is left', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const gateway = await channels(t);
  page(t, { url: gateway.url }, () => useRealtimeSubscription('live_pnl', ['x']));
  await until('a subscription', () => gateway.heard.length === 1);
  await tick();
  t.mock.timers.tick(15_000);
  await until('a ping', () => gateway.heard.length === 2);
  await tick();
  gateway.mute = true;
  t.mock.timers.tick(15_000);
  await until('another', () => gateway.heard.length === 3);
  assert.equal(gateway.sockets.length, 1);
  t.mock.timers.tick(15_000);
  gateway.mute = false;
  await until('another connection', () => gateway.heard.length === 4);
  assert.deepEqual([gateway.heard.map((m) => m.type), gateway.sockets.length], [['subscribe', 'ping', 'ping', 'subscribe'], 2]);
});

test('not enabled, refused', async (t) => {
  const gateway = await channels(t);
  const said = t.mock.method(console, 'error', () => {});
  const off = () => useRealtimeSubscription('live_pnl', ['x'], false);
  const shown = page(t, { url: 'ws://127.0.0.1:1/' }, off);
  await tick();
  assert.equal(gateway.sockets.length, 0);
  shown.render(() => useRealtimeSubscription('nosuch', ['x'], true, null, null, null, { url: gateway.url }));
  await until('a refusal', () => said.mock.callCount() > 0);
  assert.match(said.mock.calls[0].arguments[0], /nosuch: there is no source/);
});
