import { Catalog } from './catalog.js';
import { ColumnsFollower } from './columns.js';
import { Connection } from './connection.js';
import { RowsFollower } from './rows.js';
import type { Client, ClientOptions, Connection as Status, LiveColumns, LiveError, LiveOptions, LiveRows, Row, Source, Where } from './types.js';

/** Makes a client of a gateway. It connects with the first use. Throws when the URL is none. */
export function createClient(options: ClientOptions): Client {
  return new Gateway(options);
}

class Gateway implements Client {
  readonly #connection: Connection;
  readonly #catalog: Catalog;
  readonly #followers = new Set<{ close(): void }>();

  constructor(options: ClientOptions) {
    this.#connection = new Connection(options);
    this.#catalog = new Catalog(this.#connection);
    // Another gateway, or the same one with another schema.yaml, may be there after a break.
    this.#connection.changed.add((status) => {
      if (status === 'closed') this.#catalog.forget();
    });
  }

  liveRows<R = Row, W = Where>(options: LiveOptions<W>): LiveRows<R> {
    const live = this.#keep((released) => new RowsFollower(this.#connection, this.#catalog, options, released));
    return live as unknown as LiveRows<R>; // what the rows are is the caller's word
  }

  liveColumns<W = Where>(options: LiveOptions<W>): LiveColumns {
    return this.#keep((released) => new ColumnsFollower(this.#connection, this.#catalog, options, released));
  }

  sources(): Promise<readonly Source[]> {
    return this.#catalog.sources();
  }

  request<T = Record<string, unknown>>(query: string, variables?: Record<string, unknown>): Promise<T> {
    return this.#connection.request<T>(query, variables);
  }

  follow<T = Record<string, unknown>>(
    query: string,
    variables: Record<string, unknown> | undefined,
    next: (data: T) => void,
    ended?: (error: LiveError | undefined) => void,
  ): () => void {
    return this.#connection.subscribe({ query, variables: variables ?? {} }, next as (data: unknown) => void, (error) => ended?.(error));
  }

  get connection(): Status {
    return this.#connection.status;
  }

  onConnection(listener: (connection: Status) => void): () => void {
    return this.#connection.changed.add(listener);
  }

  async dispose(): Promise<void> {
    for (const follower of [...this.#followers]) follower.close();
    await this.#connection.close();
  }

  #keep<L extends { close(): void }>(make: (released: () => void) => L): L {
    const live: L = make(() => this.#followers.delete(live));
    this.#followers.add(live);
    return live;
  }
}
