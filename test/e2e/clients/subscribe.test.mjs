// Stock clients follow livePnL: a snapshot, live events, the end.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { Client as UrqlClient, fetchExchange, subscriptionExchange } from '@urql/core';
import { GraphQLClient } from 'graphql-request';
import { createClient as createSSE } from 'graphql-sse';
import { createClient } from 'graphql-ws';
import { SubscriptionClient } from 'subscriptions-transport-ws';
import WebSocket from 'ws';
import { demo, document, Rows, subscribers, variables } from './gateway.mjs';

let gateway;
globalThis.WebSocket = WebSocket; // a browser's; Apollo asks for it
before(async () => { gateway = await demo(); });
after(() => gateway.stop());

const ws = (options = {}) => createClient({ url: gateway.ws, webSocketImpl: WebSocket, ...options });

test('graphql-ws', async () => {
  const client = ws({ keepAlive: 100 });
  const rows = new Rows();
  const stop = client.subscribe({ query: document, variables }, {
    next: (result) => rows.take(result),
    error: (error) => rows.errors.push(error),
    complete() {},
  });
  await rows.check(gateway);
  stop();
  await subscribers(gateway, 0);

  const [answer] = await collect(client.iterate({ query: '{ livePnLByPk(instrumentId: 1) { symbol } }' }));
  assert.equal(typeof answer.data.livePnLByPk.symbol, 'string');
  await assert.rejects(collect(client.iterate({ query: 'subscription { livePnL(where: {nosuch: {_eq: 1}}) { operation } }' })),
    (errors) => /nosuch/.test(errors[0].message));
  await client.dispose();
});

async function collect(iterable) {
  const out = [];
  for await (const item of iterable) out.push(item);
  return out;
}

test('Apollo Client', async () => {
  const socket = ws();
  const client = new ApolloClient({
    cache: new InMemoryCache({ typePolicies: { LivePnL: { keyFields: ['_key'] } } }),
    link: ApolloLink.split(({ operationType }) => operationType === 'subscription',
      new GraphQLWsLink(socket), new HttpLink({ uri: gateway.http })),
  });
  const rows = new Rows();
  const subscription = client.subscribe({ query: gql(document), variables, fetchPolicy: 'no-cache' })
    .subscribe({ next: (result) => rows.take(result), error: (error) => rows.errors.push(error) });
  await rows.check(gateway);
  assert.equal([...rows.held.values()][0].__typename, 'LivePnL');
  subscription.unsubscribe();
  await subscribers(gateway, 0);
  const { data } = await client.query({ query: gql`query One($id: Int!) { livePnLByPk(instrumentId: $id) { _key symbol } }`, variables: { id: 2 } });
  assert.equal(data.livePnLByPk._key, '2');
  client.stop();
  await socket.dispose();
});

for (const transport of ['graphql-ws', 'server-sent events']) {
  test(`urql over ${transport}`, async () => {
    const socket = ws();
    const overSocket = subscriptionExchange({
      forwardSubscription: (request) => ({
        subscribe: (sink) => ({
          unsubscribe: socket.subscribe({ query: request.query ?? '', variables: request.variables }, sink),
        }),
      }),
    });
    const asked = [];
    const client = new UrqlClient({
      url: gateway.http,
      preferGetMethod: true,
      fetch: (url, options) => {
        asked.push(options.method);
        return fetch(url, options);
      },
      ...(transport === 'graphql-ws'
        ? { exchanges: [overSocket, fetchExchange] }
        : { exchanges: [fetchExchange], fetchSubscriptions: true }),
    });
    const rows = new Rows();
    const subscription = client.subscription(document, variables).subscribe((result) => {
      rows.take(result);
      if (result.error) rows.errors.push(result.error);
    });
    await rows.check(gateway);
    subscription.unsubscribe();
    await subscribers(gateway, 0);

    const { data, error } = await client.query('query ($id: Int!) { livePnLByPk(instrumentId: $id) { _key } }', { id: 3 }).toPromise();
    assert.equal(error, undefined);
    assert.equal(data.livePnLByPk._key, '3');
    assert.equal(asked.at(-1), 'GET');
    await socket.dispose();
  });
}

test('subscriptions-transport-ws', async () => {
  const client = new SubscriptionClient(gateway.ws, { reconnect: false }, WebSocket);
  const rows = new Rows();
  const subscription = client.request({ query: document, variables })
    .subscribe({ next: (result) => rows.take(result), error: (error) => rows.errors.push(error) });
  await rows.check(gateway);
  subscription.unsubscribe();
  await subscribers(gateway, 0);

  const errors = await new Promise((resolve) => {
    client.request({ query: 'subscription { livePnL(where: {nosuch: {_eq: 1}}) { operation } }' })
      .subscribe({ next: (result) => resolve(result.errors), error: (error) => resolve([error]) });
  });
  assert.match(JSON.stringify(errors.map((e) => e.message)), /nosuch/);
  client.close();
});

test('graphql-sse, distinct connections', async () => {
  const client = createSSE({ url: gateway.http });
  const rows = new Rows();
  const stop = client.subscribe({ query: document, variables }, {
    next: (result) => rows.take(result),
    error: (error) => rows.errors.push(error),
    complete() {},
  });
  await rows.check(gateway);
  stop();
  await subscribers(gateway, 0);
  client.dispose();
});

test('graphql-request', async () => {
  const client = new GraphQLClient(gateway.http);
  const answer = await client.request('query ($n: Int) { livePnL(limit: $n, orderBy: {instrumentId: asc}) { instrumentId } }', { n: 2 });
  assert.deepEqual(answer, { livePnL: [{ instrumentId: 1 }, { instrumentId: 2 }] });
  await assert.rejects(client.request('{ livePnL { nosuch } }'), /nosuch/);
});
