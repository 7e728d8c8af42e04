// A gateway of one source that says as much as one likes: frames of columns that
// were made beforehand, so that what is measured is the client. It speaks just
// enough of GraphQL over HTTP, graphql-transport-ws and RFC 6455.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

import { changesOf, rowsOf, source } from '../../clients/perspective/bench/rows.js';

const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm' };
const variety = 300; // different frames, again and again
const pace = 4; // milliseconds between writes
const ahead = 1 << 20; // bytes that may wait to be taken

/**
 * Serves the folder `pages`, and /graphql: a snapshot of `total` rows, then
 * frames of `size` rows, `rate` rows a second; 0: as fast as they are taken.
 */
export async function flood({ pages, total = 10_000, size = 200, rate = 0 }) {
  const rows = [rowsOf(Array.from({ length: total }, (_, i) => i)), ...changesOf(variety, size, total)];
  const counts = { rows: 0 };
  const server = createServer((request, response) => {
    if (request.method === 'POST') answer(request, response);
    else serve(pages, request, response);
  });
  const sockets = new Set();
  server.on('upgrade', (request, socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setNoDelay(true);
    shakeHands(request, socket);
    converse(socket, (id, { numbers }) => {
      const given = numbers === 'NUMBER' ? rows.map(withNumbers) : rows;
      return pour(socket, id, given.map((columns, i) => frame(i === 0 ? 'SNAPSHOT' : 'LIVE', columns)), { size, rate, counts });
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    counts,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      server.close();
    },
  };
}

function answer(request, response) {
  request.resume();
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ data: { sources: [source], __type: { fields: [{ name: 'livePnLColumns' }] } } }));
}

function serve(pages, request, response) {
  const path = normalize(new URL(request.url, 'http://x').pathname);
  try {
    const file = join(pages, path === '/' ? 'index.html' : path);
    const body = readFileSync(file);
    response.setHeader('content-type', types[extname(file)] ?? 'application/octet-stream');
    response.end(body);
  } catch {
    response.statusCode = 404;
    response.end();
  }
}

function withNumbers(rows) {
  const read = ({ name, type }) => [name, type === 'Decimal' || type === 'BigInt' ? rows[name].map(Number) : rows[name]];
  return { _key: rows._key, ...Object.fromEntries(source.columns.map(read)) };
}

let time = 0;

/** The end of a `next` message: all but its operation's id. */
function frame(kind, upserts) {
  const now = new Date().toISOString();
  const frames = {
    kind, last: true, timestamp: `${++time}`, cursor: `c${time}`, asOf: now, sentAt: now, state: 'LIVE',
    upserts, deletes: { _key: [], instrumentId: [] },
  };
  return `"type":"next","payload":{"data":{"frames":${JSON.stringify(frames)}}}}`;
}

/** Writes the snapshot, and then changes at their rate; returns how to stop. */
function pour(socket, id, bodies, { size, rate, counts }) {
  const [snapshot, ...changes] = bodies.map((body) => packet(`{"id":${JSON.stringify(id)},${body}`));
  socket.write(snapshot);
  let next = 0;
  let due = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    due += rate === 0 ? Infinity : ((now - last) / 1000) * (rate / size);
    last = now;
    socket.cork();
    for (; due >= 1 && socket.writableLength < ahead; due--) {
      socket.write(changes[next++ % changes.length]);
      counts.rows += size;
    }
    process.nextTick(() => socket.uncork());
    if (due >= 1) due = 0; // the client is behind; it is not made up for
  }, pace);
  socket.on('close', () => clearInterval(timer));
  return () => clearInterval(timer);
}

/** Speaks graphql-transport-ws. */
function converse(socket, subscribe) {
  const running = new Map();
  const say = (message) => socket.write(packet(JSON.stringify(message)));
  listen(socket, (text) => {
    const { id, type, payload } = JSON.parse(text);
    if (type === 'connection_init') say({ type: 'connection_ack' });
    if (type === 'ping') say({ type: 'pong' });
    if (type === 'subscribe') running.set(id, subscribe(id, payload.variables));
    if (type === 'complete') running.get(id)?.();
  });
}

function shakeHands(request, socket) {
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
    + `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n`,
  );
}

/** A text message as RFC 6455 frames it, without a mask. */
function packet(text) {
  const body = Buffer.from(text);
  const header = Buffer.alloc(body.length < 126 ? 2 : body.length < 65_536 ? 4 : 10);
  header[0] = 0x81;
  header[1] = { 2: body.length, 4: 126, 10: 127 }[header.length];
  if (header.length === 4) header.writeUInt16BE(body.length, 2);
  if (header.length === 10) header.writeBigUInt64BE(BigInt(body.length), 2);
  return Buffer.concat([header, body]);
}

/** Reads a client's short text messages; anything else ends the connection. */
function listen(socket, message) {
  let pending = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 2) {
      const short = pending[1] & 0x7f;
      const at = short === 126 ? 4 : 2;
      if (pending.length < at) return;
      const length = short === 126 ? pending.readUInt16BE(2) : short;
      if (pending[0] !== 0x81 || short === 127) {
        socket.destroy();
        return;
      }
      if (pending.length < at + 4 + length) return;
      const mask = pending.subarray(at, at + 4);
      const body = pending.subarray(at + 4, at + 4 + length).map((byte, i) => byte ^ mask[i % 4]);
      pending = pending.subarray(at + 4 + length);
      message(Buffer.from(body).toString());
    }
  });
}
