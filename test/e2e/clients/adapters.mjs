// How applications use the clients, over whatever transport.

import { onEnd, pipe, subscribe } from 'wonka';
import { errorsOf, refused } from './errors.mjs';

/** Takes the results of graphql-ws and its kind. */
export const observer = (sink) => ({
  next: (result) => sink.take(result),
  error(error) {
    sink.fail(errorsOf(error));
    sink.end();
  },
  complete: () => sink.end(),
});

/** Requests by a client that iterates over results. */
export const requests = (client) => async (query, variables) => {
  try {
    for await (const { data, errors } of client.iterate({ query, variables })) {
      if (errors) throw errors;
      return data;
    }
  } catch (error) {
    throw refused(error);
  }
};

/** A set of sinks, and subscribe with each in it for as long as it lasts. */
export function told(subscribe) {
  const sinks = new Set();
  return {
    sinks,
    subscribe(document, variables, sink) {
      sinks.add(sink);
      const stop = subscribe(document, variables, sink);
      return () => {
        sinks.delete(sink);
        stop();
      };
    },
  };
}

const isMutation = (document) => document.trimStart().startsWith('mutation');

/** again reaches the links below as the operation's context. */
export function apollo(client, gql) {
  return {
    subscribe(document, variables, sink) {
      const context = { again: () => sink.again() };
      const subscription = client.subscribe({ query: gql(document), variables, context, fetchPolicy: 'no-cache' }).subscribe({
        next({ data, error }) {
          if (error) sink.fail(errorsOf(error));
          else sink.take({ data });
        },
        complete: () => sink.end(),
      });
      return () => subscription.unsubscribe();
    },
    async request(document, variables) {
      try {
        const answer = isMutation(document)
          ? await client.mutate({ mutation: gql(document), variables })
          : await client.query({ query: gql(document), variables, fetchPolicy: 'network-only' });
        return answer.data;
      } catch (error) {
        throw refused(error);
      }
    },
    close: () => client.stop(),
  };
}

/** again reaches the exchanges below as the operation's context. */
export function urql(client) {
  return {
    subscribe(document, variables, sink) {
      const context = { again: () => sink.again() };
      return pipe(
        client.subscription(document, variables, context),
        onEnd(() => sink.end()),
        subscribe(({ data, error }) => {
          if (error) sink.fail(errorsOf(error));
          else sink.take({ data });
        }),
      ).unsubscribe;
    },
    async request(document, variables) {
      const send = isMutation(document) ? client.mutation : client.query;
      const { data, error } = await send(document, variables).toPromise();
      if (error) throw refused(error);
      return data;
    },
    close() {},
  };
}
