import type { Catalog } from './catalog.js';
import type { Connection } from './connection.js';
import { Follower } from './follower.js';
import { keysOf } from './frames.js';
import { Pages } from './pages.js';
import { Listeners } from './listeners.js';
import type { Cell, ColumnsBatch, LiveError, LiveOptions, LiveRows, Row, RowsBatch } from './types.js';

/** Holds the rows, and turns batches into exact steps. */
export class RowsFollower extends Follower<RowsBatch> implements LiveRows {
  readonly rows = new Map<string, Row>();
  readonly #ends = new Listeners<LiveError | undefined>();
  #newest: Pick<RowsBatch, 'kind' | 'timestamp' | 'cursor' | 'asOf'> | undefined;
  #end: { readonly error: LiveError | undefined } | undefined;

  constructor(connection: Connection, catalog: Catalog, options: LiveOptions<unknown>, released: () => void) {
    super(connection, catalog, { ...options, resumeFrom: undefined }, released); // it holds no rows to go on from
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<RowsBatch> {
    const pages = new Pages(() => {
      stop();
      forget();
    });
    if (this.#newest) {
      pages.push({ ...this.#newest, reset: false, inserts: [...this.rows.values()], updates: [], deletes: [] });
    }
    const stop = this.subscribe((batch) => pages.push(batch));
    const forget = this.#ends.add((error) => pages.end(error));
    if (this.#end) pages.end(this.#end.error);
    return pages;
  }

  protected override lay(batch: ColumnsBatch, columns: readonly string[]): void {
    const { kind, timestamp, cursor, asOf, reset } = batch;
    const step = this.#apply(batch, columns);
    const first = this.#newest === undefined;
    this.#newest = { kind, timestamp, cursor, asOf };
    if (step.inserts.length + step.updates.length + step.deletes.length === 0 && !first && !reset) return; // proof of life
    this.batches.emit({ ...this.#newest, reset, ...step });
  }

  protected override over(error: LiveError | undefined): void {
    this.#end = { error };
    this.#ends.emit(error);
    this.#ends.clear();
  }

  #apply({ upserts, deletes, reset }: ColumnsBatch, columns: readonly string[]): Pick<RowsBatch, 'inserts' | 'updates' | 'deletes'> {
    const inserts: Row[] = [];
    const updates: Row[] = [];
    const gone: Row[] = [];
    const keys = keysOf(upserts);
    const drop = (key: string) => {
      const held = this.rows.get(key);
      if (held === undefined) return;
      this.rows.delete(key);
      gone.push(held);
    };
    if (reset) {
      const stay = new Set(keys);
      for (const key of [...this.rows.keys()]) if (!stay.has(key)) drop(key);
    }
    for (const key of keysOf(deletes)) drop(key);
    const cells = columns.map((name) => upserts[name]!);
    keys.forEach((key, i) => {
      const held = this.rows.get(key);
      if (held !== undefined && columns.every((name, c) => same(held[name], cells[c]![i]))) return;
      const row: Record<string, Cell> = {};
      for (let c = 0; c < columns.length; c++) row[columns[c]!] = cells[c]![i];
      this.rows.set(key, row as Row);
      (held === undefined ? inserts : updates).push(row as Row);
    });
    return { inserts, updates, deletes: gone };
  }
}

function same(a: Cell, b: Cell): boolean {
  if (a === b) return true;
  return typeof a === 'object' && typeof b === 'object' && a !== null && b !== null && JSON.stringify(a) === JSON.stringify(b);
}
