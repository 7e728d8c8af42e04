import './dom.js';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { createElement as h, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { WebSocketServer } from 'ws';
import { RealtimeProvider, useRealtimeSubscription } from '@tycostream/react';
import { tick, until } from '../../client/test/scripted.js';

async function channels(t) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const heard = [];
  const sockets = [];
  server.on('connection', (socket) => {
    sockets.push(socket);
    socket.on('message', (data) => {
      const message = JSON.parse(data);
      heard.push(message);
      const refused = message.channel === 'nosuch';
      socket.send(JSON.stringify(refused ? { type: 'error', channel: message.channel, message: 'there is no source "nosuch"' } : { type: 'subscribed', channel: message.channel }));
    });
  });
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return { url: `ws://127.0.0.1:${server.address().port}/ws`, heard, sockets, say: (message) => sockets.at(-1).send(JSON.stringify(message)) };
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
  const server = await channels(t);
  const got = [];
  const use = () => useRealtimeSubscription('live_pnl', ['x'], true, (row) => got.push(['+', row]), (row, old) => got.push(['~', row, old]), (old) => got.push(['-', old]));
  const shown = page(t, { url: server.url }, use, use);
  await until('a subscription', () => server.heard.length > 0);
  for (const message of [insert, update, remove]) server.say(message);
  await until('all', () => got.length === 6);
  assert.deepEqual(got.filter((_, i) => i % 2 === 0), [['+', insert.new], ['~', update.new, update.old], ['-', remove.old]]);
  const open = () => server.sockets.filter((s) => s.readyState === 1).length;
  assert.equal(open(), 1);
  shown.render(use);
  await tick();
  assert.equal(open(), 1);
  shown.unmount();
  await until('the end', () => open() === 0);
});

test('without callbacks queries are invalidated, after a reconnect too', async (t) => {
  const server = await channels(t);
  const invalidated = [];
  const queryClient = { invalidateQueries: ({ queryKey }) => invalidated.push(queryKey) };
  page(t, { url: server.url, queryClient }, () => useRealtimeSubscription('live_pnl', ['pnl']));
  await until('a subscription', () => server.heard.length > 0);
  await tick();
  const before = server.heard.length;
  for (let i = 0; i < 20; i++) server.say(update);
  await until('it', () => invalidated.length === 1);
  server.sockets.at(-1).terminate();
  await until('it', () => invalidated.length === 2);
  assert.deepEqual([server.heard.length, invalidated], [before + 1, [['pnl'], ['pnl']]]);
});

test('not enabled, refused', async (t) => {
  const server = await channels(t);
  const said = t.mock.method(console, 'error', () => {});
  const off = () => useRealtimeSubscription('live_pnl', ['x'], false);
  const shown = page(t, { url: server.url }, off);
  await tick();
  assert.equal(server.sockets.length, 0);
  shown.render(() => useRealtimeSubscription('nosuch', ['x']));
  await until('a refusal', () => said.mock.callCount() > 0);
  assert.match(said.mock.calls[0].arguments[0], /nosuch: there is no source/);
});
