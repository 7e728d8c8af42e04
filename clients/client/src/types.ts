/** A value of a column: `null`, or what the column's GraphQL type is in JSON. BigInt and Decimal are strings, exact. */
export type Cell = unknown;

/** A row: `_key`, the key's text, and the selected columns by their GraphQL names. Rows are never changed in place. */
export interface Row {
  readonly _key: string;
  readonly [column: string]: Cell;
}

/** A filter: `{symbol: {_like: 'A%'}, _or: [...]}`. */
export type Where = Readonly<Record<string, unknown>>;

/** A column of a source. */
export interface Column {
  /** Its name in GraphQL. */
  readonly name: string;
  readonly databaseName: string;
  /** Its type as schema.yaml names it: `Integer BigInt Float Decimal String UUID Boolean Timestamp Date Time JSON Array`, or an enum's name. */
  readonly type: string;
  readonly nullable: boolean;
  readonly key: boolean;
  /** The values of an enum in their order, otherwise `null`. */
  readonly enumValues: readonly string[] | null;
}

/** How a source is doing at the gateway. */
export type SourceState = 'STARTING' | 'LIVE' | 'STALE' | 'FAILED';

/** A source as the gateway's schema has it. */
export interface Source {
  /** Its name in schema.yaml. */
  readonly name: string;
  /** The name of its subscription and query, `livePnL`. */
  readonly field: string;
  /** What its types' names begin with: `LivePnL` in `LivePnLExpression`. */
  readonly typePrefix: string;
  /** The GraphQL names of the key columns. */
  readonly primaryKey: readonly string[];
  readonly columns: readonly Column[];
  /** The schema's way of naming things. */
  readonly naming: 'camelCase' | 'database';
}

/**
 * Where a collection stands.
 *
 * - `connecting`: there are no rows yet, and no frame has come.
 * - `snapshot`: the first rows are on their way.
 * - `live`: the rows follow the database.
 * - `stale`: the rows are the last known: the connection, or the gateway's own, is away, or nothing was heard for `staleAfter`.
 * - `error`: the collection has ended; `error` says why.
 */
export type Status = 'connecting' | 'snapshot' | 'live' | 'stale' | 'error';

/** What a subscription follows, and how. */
export interface LiveOptions<W = Where> {
  /** The source: its GraphQL name or its name in schema.yaml. */
  readonly source: string;
  /** The filter, or what makes one of the source: its keys and columns. All rows without it. */
  readonly where?: W | ((source: Source) => W | undefined) | undefined;
  /** The columns wanted, by GraphQL name; all without it. `_key` always comes. */
  readonly columns?: readonly string[] | undefined;
  /**
   * Back-pressure on purpose: at most so many deliveries a second, each the
   * whole difference since the one before. The gateway conflates.
   */
  readonly maxRate?: number | undefined;
  /** Rows to a message at most; the gateway's own limit without it. */
  readonly maxRows?: number | undefined;
  /** `NUMBER`: BigInt and Decimal as JavaScript numbers, which lose digits beyond 2^53. Default `EXACT`. */
  readonly numbers?: 'EXACT' | 'NUMBER' | undefined;
  /**
   * With `NUMBER`: columns whose integers must be exact all the same. At the first
   * one beyond 2^53 the subscription begins anew, as `EXACT`: a reset whose
   * numbers are strings.
   */
  readonly exactIntegers?: readonly string[] | undefined;
  /** A cursor of an earlier subscription with the same filter, for whoever still holds its rows. `liveColumns` alone takes it. */
  readonly resumeFrom?: string | undefined;
  /** Closes the subscription. */
  readonly signal?: AbortSignal | undefined;
}

/** What every batch says: all that became visible at one moment. */
export interface Batch {
  /** The kind of the frames it came in. */
  readonly kind: 'SNAPSHOT' | 'LIVE' | 'RESUMED' | 'RESET';
  /** The upstream time (mz_timestamp, LSN) as decimal text. */
  readonly timestamp: string;
  /** Where to resume; opaque. */
  readonly cursor: string;
  /** Wall clock of the upstream time. */
  readonly asOf: Date;
}

/**
 * A step from one consistent state of a {@link LiveRows} to the next. It is
 * exact: inserts are rows that were not held, updates rows of which a selected
 * column changed, deletes rows that were held. This also goes for snapshots
 * after a reset: the batch is the difference.
 */
export interface RowsBatch<R = Row> extends Batch {
  readonly inserts: readonly R[];
  readonly updates: readonly R[];
  /** The rows as they were held last. */
  readonly deletes: readonly R[];
  /** All rows were replaced by a fresh snapshot. The lists are the difference all the same. */
  readonly reset: boolean;
}

/**
 * A step of a {@link LiveColumns}, one array per column. It is idempotent and
 * not exact: upserts may repeat rows that are held, deletes may name rows that
 * are not.
 */
export interface ColumnsBatch extends Batch {
  /** The upserts are all rows there are: what is held and not among them is gone. */
  readonly reset: boolean;
  /** How many rows are upserted: the length of each array of `upserts`. */
  readonly length: number;
  /** Whole rows, one array per selected column, `_key` among them. A key stands in it once. */
  readonly upserts: Readonly<Record<string, readonly Cell[]>>;
  /** The keys of rows that have left, one array per key column, `_key` among them. */
  readonly deletes: Readonly<Record<string, readonly Cell[]>>;
}

/** What {@link LiveRows} and {@link LiveColumns} have in common. */
export interface Live<B extends Batch> {
  readonly status: Status;
  /** Why it ended (`status` error), or what holds it up now. */
  readonly error: LiveError | undefined;
  /** The source, once it is known. */
  readonly source: Source | undefined;
  /** How the source is doing at the gateway, once a frame has come. */
  readonly state: SourceState | undefined;
  /** How BigInt and Decimal come. */
  readonly numbers: 'EXACT' | 'NUMBER';
  /** Where the last consistent state stands. */
  readonly timestamp: string | undefined;
  readonly cursor: string | undefined;
  readonly asOf: Date | undefined;
  /**
   * The age of the data in milliseconds, `undefined` before the first frame. It
   * grows while nothing is heard. Clocks of gateway and client need not agree.
   */
  age(): number | undefined;
  /** Resolves at the first complete snapshot; rejects when the collection ends before. */
  readonly ready: Promise<void>;
  /** Calls back at every batch from now on; returns how to stop it. */
  subscribe(listener: (batch: B) => void): () => void;
  /** Calls back when `status`, `error` or `state` change; returns how to stop it. */
  onStatus(listener: (live: this) => void): () => void;
  /** Ends the subscription. Idempotent. Rows stay as they are. */
  close(): void;
}

/** A consistent, keyed collection of rows that follows a source. */
export interface LiveRows<R = Row> extends Live<RowsBatch<R>>, AsyncIterable<RowsBatch<R>> {
  /** The rows by key. Between two batches it is always a state that the database was in. */
  readonly rows: ReadonlyMap<string, R>;
  /**
   * Batches: the first has all rows held by now as inserts. For a loop that is
   * slower than the changes, batches are merged; memory follows rows. Ends when
   * the collection is closed, throws when it ends in an error.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<RowsBatch<R>>;
}

/** Column-shaped batches as they come, for grids. It holds no rows. */
export interface LiveColumns extends Live<ColumnsBatch> {}

/** Options of {@link createClient}. */
export interface ClientOptions {
  /** The gateway's endpoint: `ws://localhost:4000/graphql`. `http` is taken for `ws`; in browsers it may be relative. */
  readonly url: string;
  /**
   * Credentials, asked for before every connection: the payload of
   * connection_init, such as `{headers: {Authorization: 'Bearer ...'}}`.
   */
  readonly auth?: () => Record<string, unknown> | undefined | Promise<Record<string, unknown> | undefined>;
  /** A WebSocket class, where there is no global one (Node.js before 22: that of `ws`). */
  readonly webSocketImpl?: unknown;
  /** After how many milliseconds without any message rows count as stale and the connection as dead: 15,000, three proofs of life. */
  readonly staleAfter?: number;
  /** The pause in milliseconds before the nth attempt to connect again: from about 100 ms to 5 s, with jitter. */
  readonly retryWait?: (attempt: number) => number;
}

/** The connection, seen from the client. */
export type Connection = 'idle' | 'connecting' | 'open' | 'closed';

/** A connection to a gateway, shared by all that is followed through it. It opens with the first use. */
export interface Client {
  /** Follows a source's rows. */
  liveRows<R = Row, W = Where>(options: LiveOptions<W>): LiveRows<R>;
  /** Follows a source in columns. */
  liveColumns<W = Where>(options: LiveOptions<W>): LiveColumns;
  /** The sources that the gateway has. Asked once per connection. */
  sources(): Promise<readonly Source[]>;
  /** Runs a query or a mutation. Rejects with a {@link LiveError}. */
  request<T = Record<string, unknown>>(query: string, variables?: Record<string, unknown>): Promise<T>;
  /** Follows any subscription, from one connection to the next; each result's `data`. Returns how to stop it. */
  follow<T = Record<string, unknown>>(
    query: string,
    variables: Record<string, unknown> | undefined,
    next: (data: T) => void,
    ended?: (error: LiveError | undefined) => void,
  ): () => void;
  readonly connection: Connection;
  /** Calls back when `connection` changes; returns how to stop it. */
  onConnection(listener: (connection: Connection) => void): () => void;
  /** Closes everything. */
  dispose(): Promise<void>;
}

/** What a gateway or the way to it objects to. */
export class LiveError extends Error {
  override readonly name = 'LiveError';
  /** The `extensions.code` of a GraphQL error, `CONNECTION` for the way to the gateway. */
  readonly code: string;
  /** The place that a value was wrong in: `where.symbol._regex`. */
  readonly argument: string | undefined;

  constructor(message: string, code: string, argument?: string) {
    super(message);
    this.code = code;
    this.argument = argument;
  }
}
