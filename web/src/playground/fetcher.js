import { getOperationAST, parse } from 'graphql';
import { createClient } from 'graphql-ws';

import { throttled } from './throttle.js';

// createFetcher returns GraphiQL's fetcher: queries and mutations go by POST,
// subscriptions over a WebSocket of their own, so that each run sends the
// headers that the editor holds now. Those are HTTP headers there and
// {headers: {...}} in the payload of connection_init here.
export function createFetcher({ url, socketUrl, perSecond = 4, webSocketImpl }) {
  return (given, options = {}) => {
    const headers = options.headers ?? {};
    const { params, kind } = prepare(given);
    return kind === 'subscription'
      ? subscription({ params, headers, socketUrl, perSecond, webSocketImpl })
      : post({ params, headers, url });
  };
}

// prepare tells the kind of operation that is asked for, and forgets an
// operation name that the document does not have: for a moment after an edit,
// GraphiQL still sends the former one. What cannot be parsed has no kind: the
// server has the better words for what is wrong.
export function prepare(params) {
  let document;
  try {
    document = parse(params.query);
  } catch {
    return { params, kind: null };
  }
  let operation = getOperationAST(document, params.operationName);
  if (!operation && params.operationName && (operation = getOperationAST(document))) {
    params = { ...params, operationName: undefined };
  }
  return { params, kind: operation?.operation ?? null };
}

export async function post({ params, headers = {}, url }) {
  const response = await fetch(url, {
    method: 'POST',
    // application/json alone: a query with mistakes is an answer to read, not
    // a failed request.
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    body: JSON.stringify(params),
  });
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${response.status} ${response.statusText}: ${text.slice(0, 500)}`);
  }
}

// subscription returns an observable. A connection that has been up is taken up
// again when it breaks; one that never came up is an error at once.
function subscription({ params, headers, socketUrl, perSecond, webSocketImpl }) {
  return {
    subscribe(observer) {
      let wasUp = false;
      const client = createClient({
        url: socketUrl,
        webSocketImpl,
        connectionParams: { headers },
        retryAttempts: 10,
        shouldRetry: () => wasUp,
        on: { connected: () => { wasUp = true; } },
      });
      const view = throttled(observer, perSecond);
      const stop = client.subscribe(params, {
        next: (result) => view.next(result),
        complete: () => view.complete(),
        error: (reason) => {
          if (Array.isArray(reason)) { // GraphQL errors: shown in the shape of every other answer
            view.next({ errors: reason });
            view.complete();
          } else {
            view.error(failure(reason));
          }
        },
      });
      return {
        unsubscribe() {
          view.stop();
          stop();
        },
      };
    },
  };
}

function failure(reason) {
  if (reason instanceof Error) return reason;
  if (typeof reason?.code === 'number') {
    const text = [reason.code, reason.reason].filter(Boolean).join(' ');
    return new Error(reason.code === 1006
      ? 'the connection to the gateway failed or was cut (1006)'
      : `the gateway closed the connection: ${text}`);
  }
  return new Error('the connection to the gateway failed');
}
