import { LiveError, type Client, type LiveRows, type Row, type RowsBatch, type Source, type SourceState, type Status, type Where } from '@tycostream/client';
import type { GridApi } from 'ag-grid-community';
import { keyOf } from './shared.js';
import type { TableOptions } from './types.js';

/** For the grid's option of that name: rows are told apart by `_key`. It must be set before the grid is made. */
export function getRowId({ data }: { readonly data: unknown }): string {
  return keyOf(data);
}

/** What a grid follows. */
export interface AgGridOptions<W = Where> extends TableOptions<W> {
  readonly source: string;
}

/** A grid that follows a source. */
export interface BoundGrid<W = Where> {
  readonly where: W | undefined;
  /** As of Live in `@tycostream/client`, for the filter that is shown. */
  readonly status: Status;
  readonly error: LiveError | undefined;
  readonly source: Source | undefined;
  readonly state: SourceState | undefined;
  readonly asOf: Date | undefined;
  /** The age of the rows now, in milliseconds. */
  age(): number | undefined;
  /** Calls back when `status`, `error` or `state` change; returns how to stop it. */
  onStatus(listener: (grid: BoundGrid<W>) => void): () => void;
  /** Resolves when the first snapshot is in the grid; rejects when it ends before. */
  readonly ready: Promise<void>;
  /**
   * Changes the filter. The old rows stay until the new ones are complete; then
   * the grid gets the difference, all at once. Resolves to true when that has
   * happened, to false when a later call or {@link close} came first. Rejects
   * with a LiveError when the gateway refuses the filter; the old one then goes
   * on.
   */
  setWhere(where: W | undefined): Promise<boolean>;
  /** Ends it; the grid keeps its rows. So does the end of the grid. Idempotent. */
  close(): void;
}

/**
 * Fills a grid (client-side row model, with {@link getRowId}) and keeps it so,
 * by applyTransactionAsync, which the grid lays on at its own pace. Rows that
 * the grid held before are replaced when the first snapshot is complete.
 */
export function bindAgGrid<R = Row, W = Where>(api: GridApi<R>, client: Client, options: AgGridOptions<W>): BoundGrid<W> {
  if (!api.getGridOption('getRowId')) throw new Error('the grid needs `getRowId` of @tycostream/react/ag-grid among its options when it is made');
  return new Grid(api, client, options);
}

class Grid<R, W> implements BoundGrid<W> {
  readonly ready: Promise<void>;
  #settle!: { readonly resolve: () => void; readonly reject: (error: LiveError) => void };
  readonly #api: GridApi<R>;
  readonly #open: (where: W | undefined) => LiveRows<R>;
  readonly #listeners = new Set<(grid: BoundGrid<W>) => void>();
  #where: W | undefined;
  #live: LiveRows<R>;
  #filled = false;
  #next: LiveRows<R> | undefined; // what setWhere waits for
  #stops: (() => void)[] = [];
  #closed = false;

  constructor(api: GridApi<R>, client: Client, { source, where, columns, maxRate, maxRows, numbers }: AgGridOptions<W>) {
    this.#api = api;
    this.#open = (filter) => client.liveRows<R, W>({ source, where: filter, columns, maxRate, maxRows, numbers });
    this.ready = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.ready.catch(() => {}); // whoever wants to know looks at it or at status
    this.#where = where;
    this.#live = this.#open(where);
    this.#listen();
    api.addEventListener('gridPreDestroyed', this.close);
  }

  get where(): W | undefined { return this.#where; }
  get status(): Status { return this.#live.status; }
  get error(): LiveError | undefined { return this.#live.error; }
  get source(): Source | undefined { return this.#live.source; }
  get state(): SourceState | undefined { return this.#live.state; }
  get asOf(): Date | undefined { return this.#live.asOf; }
  age(): number | undefined { return this.#live.age(); }

  onStatus(listener: (grid: BoundGrid<W>) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  async setWhere(where: W | undefined): Promise<boolean> {
    if (this.#closed) return false;
    this.#next?.close();
    const next = this.#open(where);
    this.#next = next;
    const wanted = () => this.#next === next && !this.#closed;
    try {
      await next.ready;
    } catch (error) {
      if (!wanted()) return false;
      this.#next = undefined;
      throw error;
    }
    if (!wanted()) return false;
    this.#next = undefined;
    this.#where = where;
    this.#replace(next);
    return true;
  }

  readonly close = (): void => {
    if (this.#closed) return;
    this.#closed = true;
    for (const stop of this.#stops) stop();
    this.#live.close();
    this.#next?.close();
    this.#listeners.clear();
    this.#settle.reject(new LiveError('closed before the first snapshot was complete', 'CLOSED'));
    if (!this.#api.isDestroyed()) this.#api.removeEventListener('gridPreDestroyed', this.close);
  };

  #listen(): void {
    this.#stops = [this.#live.subscribe((batch) => this.#apply(batch)), this.#live.onStatus(() => this.#tell())];
  }

  #tell(): void {
    if (this.status === 'error' && !this.#next) this.#settle.reject(this.error!);
    for (const listener of [...this.#listeners]) listener(this);
  }

  #apply({ inserts, updates, deletes, reset }: Pick<RowsBatch<R>, 'inserts' | 'updates' | 'deletes' | 'reset'>): void {
    if (!this.#filled) {
      this.#filled = true;
      this.#api.setGridOption('rowData', [...this.#live.rows.values()]);
      this.#settle.resolve();
      return;
    }
    this.#api.applyTransactionAsync({ add: [...inserts], update: [...updates], remove: [...deletes] });
    if (reset) this.#api.flushAsyncTransactions(); // all of it at once
  }

  /** Goes over to other rows. */
  #replace(live: LiveRows<R>): void {
    for (const stop of this.#stops) stop();
    const old = this.#live;
    old.close();
    this.#live = live;
    this.#listen();
    const rows = [...live.rows.values()];
    this.#apply({
      inserts: rows.filter((row) => !old.rows.has(keyOf(row))),
      updates: rows.filter((row) => old.rows.has(keyOf(row))),
      deletes: [...old.rows.values()].filter((row) => !live.rows.has(keyOf(row))),
      reset: true,
    });
    this.#tell();
  }
}
