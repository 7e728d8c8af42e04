import type { Live, LiveError, SourceState, Status, Where } from '@tycostream/client';
import type { Table } from '@perspective-dev/client';
import type { Kind } from './cells.js';

/** What a column can be in the table. `int64` is an `integer` of 64 bits; Perspective's own has 32. */
export type ColumnType = Kind;

/** The part of a Perspective client that is needed: what `await perspective.worker()` gives, in Node.js `perspective` itself. */
export interface PerspectiveClient {
  table(data: ArrayBuffer, options: { name: string; index: string }): Promise<Table>;
}

/** Options of {@link connect}. */
export interface ConnectOptions<W = Where> {
  /** The engine that is to hold the table. */
  readonly perspective: PerspectiveClient;
  /** The table's name, for `viewer.restore({table: name})`; that of the source without it. An engine has a name once. */
  readonly name?: string | undefined;
  /** The filter; all rows without it. */
  readonly where?: W | undefined;
  /** The columns wanted, by GraphQL name; all without it. */
  readonly columns?: readonly string[] | undefined;
  /** Types of single columns, by GraphQL name. They go before `decimals` and `bigints`. */
  readonly types?: Readonly<Record<string, ColumnType>> | undefined;
  /** What Decimal columns are: `number`, or exact as `string`. Default `number`. */
  readonly decimals?: 'number' | 'string' | undefined;
  /** What BigInt columns are: `int64`, `number` (a float), or `string`, which also takes what is beyond 64 bits. Default `int64`. */
  readonly bigints?: 'int64' | 'number' | 'string' | undefined;
  /**
   * Columns of your own beside the source's, null until you write them with
   * `table.update`. Write while it is paused and flushed, and only to rows that
   * are there: a row that is not comes to be. A fresh snapshot makes them null.
   */
  readonly extra?: Readonly<Record<string, ColumnType>> | undefined;
  /**
   * At most so many deliveries a second from the gateway, each the whole
   * difference. Default 60, as many as a screen can show; `Infinity`: each change
   * as it comes.
   */
  readonly maxRate?: number | undefined;
  /** Rows to a message at most; the gateway's own limit without it. */
  readonly maxRows?: number | undefined;
  /** Closes the connection, or gives up making it. */
  readonly signal?: AbortSignal | undefined;
}

/** What has gone through a connected table. */
export interface Stats {
  /** Rows in the table. */
  readonly size: number;
  /** Rows that came, and keys of rows that left. */
  readonly received: number;
  /** Of these what was laid on the table; what is newer of the same row by then takes its place. */
  readonly applied: number;
  /** How many times something was laid on the table. */
  readonly flushes: number;
  /** Cells that are null because their column's type cannot hold the value. */
  readonly refused: number;
}

/** A Perspective table that follows a source. */
export interface ConnectedTable<W = Where> {
  readonly table: Table;
  /** The table's name, for `viewer.restore({table: name})`. */
  readonly name: string;
  /** The columns to show, for `viewer.restore({columns})`: all but the `_key` that some tables have for an index. */
  readonly columns: readonly string[];
  readonly where: W | undefined;
  readonly stats: Stats;

  /** As of {@link Live}, for the filter that is shown. `error` also when the engine or the table is gone. */
  readonly status: Status;
  readonly error: LiveError | undefined;
  readonly state: SourceState | undefined;
  readonly asOf: Date | undefined;
  readonly timestamp: string | undefined;
  /** The age of the newest data in milliseconds, on the table or held back by {@link pause}. */
  age(): number | undefined;
  /** Calls back when `status`, `error` or `state` change; returns how to stop it. */
  onStatus(listener: (connected: this) => void): () => void;
  /** Resolves when the first snapshot is in the table; rejects when it ends before. */
  readonly ready: Promise<void>;

  /**
   * Changes the filter. The old rows stay until the new ones are complete, and
   * then all at once are replaced. Resolves to true when that has happened, to
   * false when a later call or {@link close} came first. Rejects with a
   * LiveError when the gateway refuses the filter; the old one then goes on.
   */
  setWhere(where: W | undefined): Promise<boolean>;
  /** Leaves the table as it is. What comes is kept, the newest of each row, until {@link resume}. */
  pause(): void;
  resume(): void;
  readonly paused: boolean;
  /** Lays on at once what has come, paused or not. When it resolves, what is read from a view has it. */
  flush(): Promise<void>;
  /** Ends it. The table is deleted as soon as it has no views any more. Idempotent. */
  close(): Promise<void>;
}
