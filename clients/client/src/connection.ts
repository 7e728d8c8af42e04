import { createClient, type Client as Socket } from 'graphql-ws/client';
import { isClose, toLiveError } from './errors.js';
import { Listeners } from './listeners.js';
import { LiveError, type ClientOptions, type Connection as Status } from './types.js';

const defaultStaleAfter = 15_000;
/** How long a query or mutation may take, in milliseconds. */
const requestLimit = 30_000;

/**
 * The way to a gateway: one WebSocket, which opens with the first use, comes
 * back as often as it is lost, and is given up for dead when it is silent; and
 * HTTP on the same path for queries and mutations, which a socket that comes
 * back would run twice.
 */
export class Connection {
  readonly socket: Socket;
  readonly changed = new Listeners<Status>();
  /** Why the last connection ended or was refused; undefined while one is open. */
  refusal: LiveError | undefined;
  readonly #http: string;
  readonly #auth: () => Promise<Record<string, unknown> | undefined>;
  readonly #staleAfter: number;
  #status: Status = 'idle';
  #heard = 0;
  #watch: ReturnType<typeof setInterval> | undefined;

  constructor(options: ClientOptions) {
    const [ws, http] = endpoints(options.url);
    this.#http = http;
    this.#auth = async () => options.auth?.();
    this.#staleAfter = options.staleAfter ?? defaultStaleAfter;
    const wait = options.retryWait ?? backOff;
    this.socket = createClient({
      url: ws,
      connectionParams: this.#auth,
      ...(options.webSocketImpl === undefined ? {} : { webSocketImpl: options.webSocketImpl }),
      keepAlive: Math.max(Math.floor(this.#staleAfter / 3), 1),
      lazyCloseTimeout: 1000,
      retryAttempts: Infinity,
      shouldRetry: () => true,
      retryWait: (attempt) => new Promise((resolve) => setTimeout(resolve, wait(attempt))),
      on: {
        connecting: () => this.#set('connecting'),
        opened: () => this.#hear(),
        connected: () => {
          this.refusal = undefined;
          this.#set('open');
        },
        message: () => this.#hear(),
        closed: (event) => this.#closed(event),
      },
    });
  }

  get status(): Status {
    return this.#status;
  }

  /** POSTs an operation and returns its data. */
  async request<T>(query: string, variables: Record<string, unknown> | undefined): Promise<T> {
    const auth = await this.#auth();
    const given = auth?.['headers'];
    const headers = new Headers(typeof given === 'object' && given !== null ? (given as Record<string, string>) : {});
    headers.set('content-type', 'application/json');
    headers.set('accept', 'application/graphql-response+json, application/json');
    const body = JSON.stringify({ query, variables });
    let answer: { data?: T | null; errors?: unknown[] };
    try {
      const response = await fetch(this.#http, { method: 'POST', headers, body, signal: AbortSignal.timeout(requestLimit) });
      answer = JSON.parse(await response.text());
    } catch (error) {
      throw new LiveError(`the gateway cannot be reached: ${error instanceof Error ? error.message : error}`, 'CONNECTION');
    }
    if (answer.errors?.length) throw toLiveError(answer.errors);
    if (!answer.data) throw new LiveError('the answer is not one of a GraphQL server', 'CONNECTION');
    return answer.data;
  }

  /**
   * Subscribes. The payload's `variables` may be a getter: it is read before
   * every attempt. Lost connections are made up for in silence; `ended` is
   * called once, without an error when the gateway completed the operation.
   */
  subscribe(
    payload: { readonly query: string; readonly variables: Record<string, unknown> },
    next: (data: unknown) => void,
    ended: (error: LiveError | undefined) => void,
  ): () => void {
    let over = false;
    const end = (error: LiveError | undefined) => {
      if (over) return;
      over = true;
      ended(error);
    };
    const stop = this.socket.subscribe<Record<string, unknown>>(payload, {
      next: ({ data, errors }) => {
        if (over) return;
        if (!errors?.length) {
          next(data);
          return;
        }
        end(toLiveError(errors));
        stop();
      },
      error: (reason) => end(toLiveError(reason)),
      complete: () => end(undefined),
    });
    return () => {
      over = true;
      stop();
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#watch);
    await this.socket.dispose();
    this.#set('closed');
    this.changed.clear();
  }

  #closed(event: unknown): void {
    clearInterval(this.#watch);
    this.#watch = undefined;
    const normal = isClose(event) && event.code === 1000;
    this.refusal = normal ? undefined : toLiveError(event);
    this.#set(normal ? 'idle' : 'closed');
  }

  #set(status: Status): void {
    if (this.#status === status) return;
    this.#status = status;
    this.changed.emit(status);
  }

  // A network that has gone tells nobody: TCP may take a quarter of an hour. The
  // pings of keepAlive make a living connection speak at least three times in
  // staleAfter.
  #hear(): void {
    this.#heard = Date.now();
    if (this.#watch !== undefined) return;
    let last = this.#heard;
    this.#watch = setInterval(() => {
      const now = Date.now();
      const slept = now - last > this.#staleAfter; // the machine, not the gateway
      last = now;
      if (!slept && now - this.#heard > this.#staleAfter) this.socket.terminate();
    }, this.#staleAfter / 3);
  }
}

/** From about 100 ms to 5 s, doubling, half of it by chance. */
export function backOff(attempt: number): number {
  const longest = Math.min(100 * 2 ** attempt, 5000);
  return longest / 2 + (Math.random() * longest) / 2;
}

function endpoints(url: string): [ws: string, http: string] {
  const page = (globalThis as { location?: { href: string } }).location?.href;
  const at = new URL(url, page);
  const secure = at.protocol === 'https:' || at.protocol === 'wss:';
  const rest = at.href.slice(at.protocol.length);
  return [(secure ? 'wss:' : 'ws:') + rest, (secure ? 'https:' : 'http:') + rest];
}
