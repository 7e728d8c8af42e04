import type { Client, LiveError, LiveOptions, Row, Source, SourceState, Status } from '@tycostream/client';

/** What to follow of a source, and how; see LiveOptions of `@tycostream/client`. */
export interface TableOptions<W> extends Omit<LiveOptions<W>, 'source' | 'where' | 'signal' | 'resumeFrom'> {
  /** The filter; all rows without it. */
  readonly where?: W | undefined;
}

/** A column to sort by. Nulls come last unless `nulls` says otherwise. */
export interface SortColumn<R = Row> {
  readonly column: keyof R & string;
  readonly descending?: boolean | undefined;
  readonly nulls?: 'first' | 'last' | undefined;
}

/** One column, or several: the second decides where the first does not. */
export type SortBy<R = Row> = (keyof R & string) | SortColumn<R> | readonly ((keyof R & string) | SortColumn<R>)[];

/** The order of rows: that in which they came, without either. Rows that are equal are in the order of their keys. */
export interface Order<R = Row> {
  /** Columns to sort by, compared as their types want it: decimals exactly, enums by position. */
  readonly sortBy?: SortBy<R> | undefined;
  /** Any other order. It goes before `sortBy`. */
  readonly compare?: ((a: R, b: R) => number) | undefined;
}

/** What components may say about a subscription. */
export interface HookOptions {
  /** False: follow nothing, with status `idle`. */
  readonly enabled?: boolean | undefined;
  /** Another client than that of the provider. */
  readonly client?: Client | undefined;
}

/** How a subscription is doing. */
export interface Liveness {
  /** As of Live in `@tycostream/client`; `idle` when nothing is followed. */
  readonly status: Status | 'idle';
  /** Why it has ended, or what holds it up. */
  readonly error: LiveError | undefined;
  /** The source, once it is known. */
  readonly source: Source | undefined;
  /** How the source is doing at the gateway. */
  readonly state: SourceState | undefined;
  /** Wall clock of the upstream time of the rows. */
  readonly asOf: Date | undefined;
  /** The age of the rows now, in milliseconds. It grows while nothing is heard; `useAge` draws it. */
  age(): number | undefined;
  /** Subscribes again after an error has ended it. Rows stay meanwhile. */
  retry(): void;
}
