// A gateway that ends gracefully closes sockets with 1012, upon which the
// reference client connects and subscribes again by itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { demo, document, Rows, subscribers, variables } from './gateway.mjs';

test('graphql-ws comes back after a restart', async () => {
  let gateway = await demo();
  const codes = [];
  let connected = 0;
  const rows = new Rows();
  const client = createClient({
    url: gateway.ws,
    webSocketImpl: WebSocket,
    retryAttempts: 200,
    shouldRetry: () => true, // also when nobody listens yet; by default a refused connection is fatal
    retryWait: () => new Promise((resolve) => { setTimeout(resolve, 50); }),
    on: {
      connected() {
        connected++;
        rows.clear(); // a new snapshot follows
      },
      closed: (event) => codes.push(event.code),
    },
  });
  let completed = false;
  const stop = client.subscribe({ query: document, variables }, {
    next: (result) => rows.take(result),
    error: (error) => rows.errors.push(error),
    complete() { completed = true; },
  });
  await rows.check(gateway);

  for (let round = 1; round <= 2; round++) {
    const { port } = gateway;
    assert.equal(await gateway.stop(), 0);
    gateway = await demo({ port });
    await subscribers(gateway, 1);
    await rows.check(gateway);
    assert.equal(connected, 1 + round);
  }
  assert.ok(codes.includes(1012), `close codes ${codes}`);
  assert.ok(!codes.includes(1000), `close codes ${codes}`);
  assert.equal(completed, false);
  stop();
  await client.dispose();
  assert.equal(await gateway.stop(), 0);
});
