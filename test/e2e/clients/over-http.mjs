// Stock clients over HTTP; over-websocket.mjs says what a client is.

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { RetryLink } from '@apollo/client/link/retry';
import { retryExchange } from '@urql/exchange-retry';
import { GraphQLClient } from 'graphql-request';
import { createClient } from 'graphql-sse';
import { setTimeout as wait } from 'node:timers/promises';
import { Client as UrqlClient, fetchExchange } from 'urql';
import { apollo, observer, requests, urql } from './adapters.mjs';
import { refused } from './errors.mjs';

// None of them notices a silent network: they wait for bytes as long as fetch
// does.
const deaf = true;

// HttpLink does not come back by itself; RetryLink does it for queries and
// subscriptions alike.
const apolloMultipart = {
  name: 'Apollo Client, HttpLink (multipart)',
  open(at) {
    const beginning = new ApolloLink((operation, forward) => {
      operation.getContext().again?.();
      return forward(operation);
    });
    return { deaf, ...apollo(new ApolloClient({
      cache: new InMemoryCache(),
      link: ApolloLink.from([
        new RetryLink({ delay: { initial: 50, max: 200 }, attempts: { max: Infinity } }),
        beginning,
        new HttpLink({ uri: at.http }),
      ]),
    }), gql) };
  },
};

// The same holds for fetchExchange and retryExchange.
const urqlEvents = {
  name: 'urql, fetchSubscriptions (SSE)',
  open(at) {
    return { deaf, ...urql(new UrqlClient({
      url: at.http,
      preferGetMethod: true,
      fetchSubscriptions: true,
      exchanges: [
        retryExchange({
          initialDelayMs: 50,
          maxDelayMs: 200,
          maxNumberAttempts: Infinity,
          retryIf(error, { context }) {
            if (error.networkError) context.again?.();
            return Boolean(error.networkError);
          },
        }),
        fetchExchange,
      ],
    })) };
  },
};

const graphqlSse = {
  name: 'graphql-sse, distinct connections',
  open(at) {
    const client = createClient({ url: at.http, retryAttempts: Infinity, retry: () => wait(50) });
    return {
      deaf,
      subscribe: (query, variables, sink) => client.subscribe({ query, variables }, observer(sink), { connected: () => sink.again() }),
      request: requests(client),
      close: () => client.dispose(),
    };
  },
};

// Its own retries do not tell a subscription that it begins anew, and take a
// refusal for a broken network: the application does better to subscribe again.
const graphqlSseSingle = {
  name: 'graphql-sse, single connection',
  cannot: {
    'is refused': 'it says 400 and drops the answer unread; see sse-single.test.mjs',
    'outlasts silence': 'it asks for the end of operations, and waits for an answer, on the connection that is silent',
  },
  open(at) {
    const client = createClient({ url: at.http, singleConnection: true, retryAttempts: 0 });
    return {
      subscribe(query, variables, sink) {
        let stop, stopped = false;
        const begin = () => {
          if (stopped) return;
          sink.again();
          stop = client.subscribe({ query, variables }, { ...observer(sink), error: () => setTimeout(begin, 50) });
        };
        begin();
        return () => {
          stopped = true;
          stop();
        };
      },
      request: requests(client),
      close: () => client.dispose(),
    };
  },
};

const none = 'it has no subscriptions';
const graphqlRequest = {
  name: 'graphql-request',
  cannot: {
    'subscribes': none, 'filters': none, 'unsubscribes': none, 'outlasts a cut': none, 'outlasts silence': none,
  },
  open(at) {
    const client = new GraphQLClient(at.http);
    return {
      async request(document, variables) {
        try {
          return await client.request(document, variables);
        } catch (error) {
          throw refused(error);
        }
      },
      close() {},
    };
  },
};

export const overHTTP = [apolloMultipart, urqlEvents, graphqlSse, graphqlSseSingle, graphqlRequest];
