import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';

import { createFetcher, prepare } from '../src/playground/fetcher.js';

test('the kind of operation', () => {
  for (const [query, operationName, kind, name] of [
    ['{ a }', undefined, 'query'],
    ['mutation { a }', undefined, 'mutation'],
    ['subscription { a }', undefined, 'subscription'],
    ['query A { a } subscription B { a }', 'A', 'query', 'A'],
    ['query A { a } subscription B { a }', 'B', 'subscription', 'B'],
    ['fragment f on T { a } subscription S { ...f }', undefined, 'subscription'],
    // a name from before the last edit
    ['subscription B { a }', 'A', 'subscription'],
    ['{ a }', 'A', 'query'],
    ['query A { a } subscription B { a }', 'C', null, 'C'],
    // several, none named; no operation; no document: the gateway says what is wrong
    ['query A { a } subscription B { a }', undefined, null],
    ['fragment f on T { a }', undefined, null],
    ['subscription {', undefined, null],
    ['', undefined, null],
  ]) {
    const got = prepare({ query, operationName });
    assert.equal(got.kind, kind, query);
    assert.equal(got.params.operationName, name, query);
  }
});

async function server(t, answer) {
  const requests = [];
  const s = createServer((req, res) => {
    let body = '';
    req.on('data', (chunk) => { body += chunk; });
    req.on('end', () => {
      requests.push({ method: req.method, headers: req.headers, body: JSON.parse(body) });
      answer(res);
    });
  });
  await new Promise((resolve) => s.listen(0, '127.0.0.1', resolve));
  t.after(() => s.close());
  return { url: `http://127.0.0.1:${s.address().port}/graphql`, requests };
}

test('queries go by POST, with the headers of the editor', async (t) => {
  const { url, requests } = await server(t, (res) => res.end('{"data":{"a":1}}'));
  const answer = await createFetcher({ url })({ query: '{ a }', variables: { x: 1 } }, { headers: { 'X-Example': 'one' } });
  assert.deepEqual(answer, { data: { a: 1 } });
  assert.equal(requests[0].method, 'POST');
  assert.equal(requests[0].headers['content-type'], 'application/json');
  assert.equal(requests[0].headers.accept, 'application/json');
  assert.equal(requests[0].headers['x-example'], 'one');
  assert.deepEqual(requests[0].body, { query: '{ a }', variables: { x: 1 } });
});

test('GraphQL errors are an answer, whatever the status', async (t) => {
  const { url } = await server(t, (res) => { res.statusCode = 401; res.end('{"errors":[{"message":"no"}]}'); });
  assert.deepEqual(await createFetcher({ url })({ query: '{ a }' }), { errors: [{ message: 'no' }] });
});

test('what is not JSON is an error with status and text', async (t) => {
  const { url } = await server(t, (res) => { res.statusCode = 502; res.end('<h1>Bad Gateway</h1>'); });
  await assert.rejects(createFetcher({ url })({ query: '{ a }' }), /502 .*Bad Gateway/);
});

// socketClass is a WebSocket whose other end is the given function.
function socketClass(talk, created = []) {
  return class FakeSocket {
    static CONNECTING = 0;
    static OPEN = 1;
    static CLOSING = 2;
    static CLOSED = 3;
    constructor(url) {
      this.url = url;
      this.readyState = 0;
      created.push(this);
      queueMicrotask(() => {
        if (talk.refuse) {
          this.close(talk.refuse.code, talk.refuse.reason);
          return;
        }
        this.readyState = 1;
        this.onopen?.();
      });
    }
    send(text) {
      const message = JSON.parse(text);
      (this.sent ??= []).push(message);
      queueMicrotask(() => talk.answer(message, (m) => this.onmessage?.({ data: JSON.stringify(m) }), this));
    }
    close(code = 1005, reason = '') {
      if (this.readyState === 3) return;
      this.readyState = 3;
      queueMicrotask(() => this.onclose?.({ code, reason, wasClean: true }));
    }
  };
}

// watch subscribes and resolves at the end with all that was shown.
const watch = (fetcher, headers) => new Promise((resolve) => {
  const shown = [];
  fetcher({ query: 'subscription { a }' }, { headers }).subscribe({
    next: (r) => shown.push(r),
    error: (e) => resolve({ shown, error: e }),
    complete: () => resolve({ shown, complete: true }),
  });
});

const socketUrl = 'ws://gateway/graphql';

test('headers go into connection_init, read anew for each run', async () => {
  const created = [];
  const webSocketImpl = socketClass({
    answer(m, reply) {
      if (m.type === 'connection_init') reply({ type: 'connection_ack' });
      if (m.type === 'subscribe') {
        reply({ type: 'next', id: m.id, payload: { data: { a: 1 } } });
        reply({ type: 'complete', id: m.id });
      }
    },
  }, created);
  const fetcher = createFetcher({ socketUrl, webSocketImpl });
  const first = await watch(fetcher, { Authorization: 'Bearer one' });
  assert.deepEqual(first, { shown: [{ data: { a: 1 }, extensions: { eventsSeen: 1 } }], complete: true });
  await watch(fetcher);
  assert.deepEqual(created.map((s) => s.sent[0].payload), [{ headers: { Authorization: 'Bearer one' } }, { headers: {} }]);
});

test('GraphQL errors that end a subscription are shown as an answer', async () => {
  const webSocketImpl = socketClass({
    answer(m, reply) {
      if (m.type === 'connection_init') reply({ type: 'connection_ack' });
      if (m.type === 'subscribe') reply({ type: 'error', id: m.id, payload: [{ message: 'no such field' }] });
    },
  });
  const { shown, complete } = await watch(createFetcher({ socketUrl, webSocketImpl }));
  assert.deepEqual(shown[0].errors, [{ message: 'no such field' }]);
  assert.ok(complete);
});

for (const [name, refuse, want] of [
  ['a refusal says the code and the reason', { code: 4403, reason: 'the admin secret is wrong' }, /4403 the admin secret is wrong/],
  ['a connection that never came up is an error at once', { code: 1006 }, /connection to the gateway failed/],
]) {
  test(name, async () => {
    const { error } = await watch(createFetcher({ socketUrl, webSocketImpl: socketClass({ refuse }) }));
    assert.match(error.message, want);
  });
}
