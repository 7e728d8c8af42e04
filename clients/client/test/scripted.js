// A gateway whose every message the test decides: the protocol by hand, so that
// sets can break off, connections die in silence, and errors come at will.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';
import { createClient } from '@tycostream/client';

export const column = (name, type, key = false) => ({ name, databaseName: name, type, nullable: !key, key, enumValues: null });

export const trades = {
  name: 'trades', field: 'trades', typePrefix: 'Trades', primaryKey: ['id'],
  columns: [column('id', 'Integer', true), column('price', 'Decimal'), column('tags', 'JSON')],
};

export async function scripted(t, { sources = [trades], fields = ['tradesColumns'], port = 0, client: options = {} } = {}) {
  const gateway = { sources, fields, requests: [], inits: [], sockets: [], operations: [], refuse: undefined, mute: false, failure: undefined };
  const http = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    gateway.requests.push({ headers: request.headers, ...JSON.parse(body) });
    response.setHeader('content-type', 'application/json');
    const answer = gateway.answer?.(JSON.parse(body)) ?? {
      data: { sources: gateway.sources, __type: { fields: gateway.fields.map((name) => ({ name })) } },
    };
    response.end(JSON.stringify(answer));
  });
  const sockets = new WebSocketServer({ server: http, handleProtocols: () => 'graphql-transport-ws' });
  sockets.on('connection', (socket) => {
    gateway.sockets.push(socket);
    const say = (message) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message));
    socket.on('message', (data) => {
      if (gateway.mute) return;
      const { id, type, payload } = JSON.parse(data);
      if (type === 'connection_init') {
        gateway.inits.push(payload);
        if (gateway.refuse) socket.close(gateway.refuse, 'no');
        else say({ type: 'connection_ack' });
      }
      if (type === 'ping') say({ type: 'pong' });
      if (type === 'complete') gateway.operations.find((o) => o.id === id && o.socket === socket).completed = true;
      if (type !== 'subscribe') return;
      gateway.operations.push({
        id, socket, payload, completed: false,
        next: (data) => say({ id, type: 'next', payload: { data } }),
        frame: (given) => say({ id, type: 'next', payload: { data: { frames: frame(given) } } }),
        fail: (code, message = code, more = {}) => say({ id, type: 'error', payload: [{ message, extensions: { code, ...more } }] }),
        complete: () => say({ id, type: 'complete' }),
      });
    });
  });
  http.listen(port, '127.0.0.1');
  await once(http, 'listening');
  gateway.port = http.address().port;
  gateway.close = async () => {
    for (const socket of sockets.clients) socket.terminate();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  };
  gateway.client = createClient({
    url: `http://127.0.0.1:${gateway.port}/graphql`, webSocketImpl: WebSocket, retryWait: () => 5, ...options,
  });
  t.after(async () => {
    await gateway.client.dispose();
    await gateway.close();
  });
  gateway.operation = (n) => until(`operation ${n}`, () => gateway.operations[n]);
  return gateway;
}

let time = 0;

/** A frame: rows as [id, price, tags], deletes as ids. */
export function frame({ rows = [], deletes = [], kind = 'LIVE', last = true, state = 'LIVE', columns = ['id', 'price', 'tags'], ...more } = {}) {
  time++;
  const cells = Object.fromEntries(columns.map((name, i) => [name, rows.map((row) => row[i] ?? null)]));
  return {
    kind, last, state, timestamp: `${time}`, cursor: last ? `c${time}` : '', asOf: new Date(1000).toISOString(), sentAt: new Date(1250).toISOString(),
    upserts: { _key: rows.map(([id]) => `${id}`), ...cells }, deletes: { _key: deletes.map(String), id: deletes }, ...more,
  };
}

export async function until(what, check) {
  for (const end = Date.now() + 5000; ; await new Promise((resolve) => setTimeout(resolve, 2))) {
    const got = await check();
    if (got) return got;
    if (Date.now() > end) throw new Error(`${what}: not within 5 s`);
  }
}

export const tick = () => new Promise((resolve) => setTimeout(resolve, 30));
