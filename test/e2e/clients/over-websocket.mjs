// Stock clients over WebSocket, set up as their documentation tells users to.
//
// A client is { name, cannot, open }. cannot has the behaviours that it lacks,
// each with the reason. open(at) connects to { http, ws } and returns
//
//   subscribe    (document, variables, sink) to unsubscribe; a sink is Rows
//   request      (document, variables) to data, or a rejection with { errors }
//   connections  how many there were; optional
//   deaf         the application must notice a silent network
//   endless      after an error it does not say that a subscription is over
//   close

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { createClient } from 'graphql-ws';
import { SubscriptionClient } from 'subscriptions-transport-ws';
import { Client as UrqlClient, fetchExchange, subscriptionExchange } from 'urql';
import WebSocket from 'ws';
import { setTimeout as wait } from 'node:timers/promises';
import { apollo, observer, requests, told, urql } from './adapters.mjs';
import { refused } from './errors.mjs';

globalThis.WebSocket = WebSocket; // a browser's; Apollo asks for it

/** As in a browser, an error that nobody listens for is no crash. */
class BrowserSocket extends WebSocket {
  constructor(...args) {
    super(...args);
    this.on('error', () => {});
  }
}

/** graphql-ws, which the others lean on. sinks are told of each connection. */
function socket(at, sinks) {
  let pong;
  const client = createClient({
    url: at.ws,
    webSocketImpl: WebSocket,
    lazyCloseTimeout: 60_000, // the connection stays when nobody subscribes
    retryAttempts: Infinity,
    shouldRetry: () => true, // also when nobody listens yet; by default a refused connection is fatal
    retryWait: () => wait(50),
    keepAlive: 500,
    on: {
      connected() {
        client.connections++;
        for (const sink of sinks) sink.again();
      },
      // As its recipes have it: no pong in time, no connection.
      ping: (received) => { if (!received) pong = setTimeout(() => client.terminate(), 2000); },
      pong: (received) => { if (received) clearTimeout(pong); },
      closed: () => clearTimeout(pong),
    },
  });
  client.connections = 0;
  return client;
}

const graphqlWs = {
  name: 'graphql-ws',
  open(at) {
    const { sinks, subscribe } = told((query, variables, sink) => client.subscribe({ query, variables }, observer(sink)));
    const client = socket(at, sinks);
    return {
      subscribe,
      request: requests(client),
      connections: () => client.connections,
      close: () => client.dispose(),
    };
  },
};

const apolloOverSocket = {
  name: 'Apollo Client, GraphQLWsLink',
  open(at) {
    const { sinks, subscribe } = told((...args) => client.subscribe(...args));
    const ws = socket(at, sinks);
    const client = apollo(new ApolloClient({
      cache: new InMemoryCache(),
      link: ApolloLink.split(({ operationType }) => operationType === 'subscription',
        new GraphQLWsLink(ws), new HttpLink({ uri: at.http })),
    }), gql);
    return {
      ...client,
      subscribe,
      connections: () => ws.connections,
      async close() {
        client.close();
        await ws.dispose();
      },
    };
  },
};

const urqlOverSocket = {
  name: 'urql, subscriptionExchange',
  open(at) {
    const { sinks, subscribe } = told((...args) => client.subscribe(...args));
    const ws = socket(at, sinks);
    const client = urql(new UrqlClient({
      url: at.http,
      exchanges: [fetchExchange, subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({ unsubscribe: ws.subscribe({ query: query ?? '', variables }, sink) }),
        }),
      })],
    }));
    return {
      ...client,
      subscribe,
      endless: true, // an error is a result like any other, after which none follows
      connections: () => ws.connections,
      close: () => ws.dispose(),
    };
  },
};

const legacy = {
  name: 'subscriptions-transport-ws',
  open(at) {
    const { sinks, subscribe } = told((query, variables, sink) => {
      const subscription = client.request({ query, variables }).subscribe(observer(sink));
      return () => subscription.unsubscribe();
    });
    let connections = 0;
    const client = new SubscriptionClient(at.ws, { reconnect: true, lazy: true, timeout: 2000, minTimeout: 1000 }, BrowserSocket);
    for (const on of ['onConnected', 'onReconnected']) {
      client[on](() => {
        connections++;
        for (const sink of sinks) sink.again();
      });
    }
    return {
      subscribe,
      request: (query, variables) => new Promise((resolve, reject) => {
        client.request({ query, variables }).subscribe({
          next: ({ data, errors }) => (errors ? reject(refused(errors)) : resolve(data)),
          error: (error) => reject(refused(error)),
        });
      }),
      connections: () => connections,
      close: () => client.close(),
    };
  },
};

export const overWebSocket = [graphqlWs, apolloOverSocket, urqlOverSocket, legacy];
