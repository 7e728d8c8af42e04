import type { RowMessage } from './channels.js';
import { frames } from './frames.js';

/** A row as the row channels send it: by the database's column names. */
export type ChannelRow = Readonly<Record<string, unknown>>;

/** What is needed of TanStack Query's QueryClient. Nothing is imported of it, for those who do without. */
export interface QueryCacheLike {
  invalidateQueries(filters: { readonly queryKey: readonly unknown[] }): unknown;
  isFetching(filters: { readonly queryKey: readonly unknown[] }): number;
  getQueryData(queryKey: readonly unknown[]): unknown;
  setQueryData(queryKey: readonly unknown[], data: unknown): unknown;
}

/** How often to invalidate at most, and to look whether a running fetch is over, in milliseconds. */
const invalidateEvery = 100;

/**
 * Keeps a query as the messages of a channel say: an array of rows by changing
 * it, anything else by invalidating the queries.
 *
 * A fetch that runs meanwhile may have read the database before the change and
 * answer after it: what came in the meantime is laid over its answer once more.
 * Invalidating waits for it, for it would begin again and again on a busy
 * channel.
 */
export class Patches {
  readonly #queries: QueryCacheLike;
  readonly #queryKey: () => readonly unknown[];
  readonly #columns: readonly string[];
  #waiting: RowMessage[] = [];
  #during: RowMessage[] = []; // those since the fetch has begun that runs now
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `columns`: the key. */
  constructor(queries: QueryCacheLike, queryKey: () => readonly unknown[], columns: readonly string[]) {
    this.#queries = queries;
    this.#queryKey = queryKey;
    this.#columns = columns;
  }

  /** Lays a change over the data with the next frame. */
  add(message: RowMessage): void {
    this.#waiting.push(message);
    frames.ask(this.#flush);
  }

  invalidate(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#fetching()) this.invalidate();
      else this.#queries.invalidateQueries({ queryKey: this.#queryKey() });
    }, invalidateEvery);
  }

  stop(): void {
    clearTimeout(this.#timer);
    frames.drop(this.#flush);
  }

  readonly #flush = (): void => {
    const fetching = this.#fetching();
    const messages = fetching ? this.#waiting : [...this.#during, ...this.#waiting];
    this.#during = fetching ? [...this.#during, ...this.#waiting] : [];
    this.#waiting = [];
    this.#lay(messages);
    if (this.#during.length > 0) frames.ask(this.#flush);
  };

  #fetching(): boolean {
    return this.#queries.isFetching({ queryKey: this.#queryKey() }) > 0;
  }

  #lay(messages: readonly RowMessage[]): void {
    const data = this.#queries.getQueryData(this.#queryKey());
    if (data === undefined || messages.length === 0) return; // it will be fetched, or nobody wants it
    if (!Array.isArray(data) || !messages.every((m) => this.#keyOf(m.new ?? m.old!) !== undefined)) {
      this.invalidate();
      return;
    }
    const rows = new Map((data as ChannelRow[]).map((row) => [this.#keyOf(row), row]));
    for (const { new: row, old } of messages) {
      const [before, now] = [old && this.#keyOf(old), row && this.#keyOf(row)];
      if (before && before !== now) rows.delete(before);
      if (row && now) rows.set(now, row);
    }
    this.#queries.setQueryData(this.#queryKey(), [...rows.values()]);
  }

  #keyOf(row: ChannelRow): string | undefined {
    return this.#columns.every((column) => column in row) ? JSON.stringify(this.#columns.map((column) => row[column])) : undefined;
  }
}
