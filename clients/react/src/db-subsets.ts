import type { LiveError, LiveRows, Row, Source, Where } from '@tycostream/client';
import type { LoadSubsetOptions, SyncConfig } from '@tanstack/db';
import { pushDown } from './db-where.js';
import { textOf } from './shared.js';

type Sync<R extends object, K extends string | number> = Pick<Parameters<SyncConfig<R, K>['sync']>[0], 'begin' | 'write' | 'commit' | 'markError'>;

interface Subset<R> {
  readonly key: string;
  readonly live: LiveRows<R>;
  /** The requests that it answers. */
  readonly users: Set<LoadSubsetOptions>;
}

/**
 * The rows that live queries ask for: one subscription for each condition. A row
 * may be in several of them, which are not at the same time; it is shown as the
 * one says that is furthest.
 */
export class Subsets<R extends Row, K extends string | number> {
  readonly #open: (where: (source: Source) => Where | undefined) => LiveRows<R>;
  readonly #keyOf: (row: R) => K;
  readonly #sync: Sync<R, K>;
  readonly #subsets = new Map<string, Subset<R>>();
  readonly #shown = new Map<string, R>();

  constructor(open: (where: (source: Source) => Where | undefined) => LiveRows<R>, keyOf: (row: R) => K, sync: Sync<R, K>) {
    this.#open = open;
    this.#keyOf = keyOf;
    this.#sync = sync;
  }

  /** Resolves when the rows of a request are there. */
  async load(request: LoadSubsetOptions): Promise<void> {
    const key = textOf(request.where ?? null);
    const subset = this.#subsets.get(key) ?? this.#follow(key, request);
    subset.users.add(request);
    await subset.live.ready;
  }

  /** A request is not interesting any more. */
  unload(request: LoadSubsetOptions): void {
    for (const subset of this.#subsets.values()) {
      if (subset.users.delete(request) && subset.users.size === 0) this.#drop(subset);
    }
  }

  close(): void {
    for (const { live } of this.#subsets.values()) live.close();
    this.#subsets.clear();
  }

  #follow(key: string, { where }: LoadSubsetOptions): Subset<R> {
    const live = this.#open((source) => pushDown(where, source));
    const subset: Subset<R> = { key, live, users: new Set() };
    this.#subsets.set(key, subset);
    live.subscribe(({ inserts, updates, deletes, reset }) => {
      const touched = reset ? live.rows.values() : [...inserts, ...updates];
      // After a reset times may have begun anew, and what was furthest may not be.
      this.#write([...touched].map((row) => row._key), deletes.map((row) => row._key), reset ? undefined : subset);
    });
    live.onStatus(() => {
      if (live.status === 'error') this.#failed(subset, live.error!);
    });
    return subset;
  }

  /** An error ends a subset. One whose rows are shown takes the collection with it; the request hears of any other. */
  #failed(subset: Subset<R>, error: LiveError): void {
    if (this.#subsets.get(subset.key) === subset) this.#subsets.delete(subset.key); // the next request tries again
    if (subset.live.timestamp !== undefined) this.#sync.markError(error);
  }

  #drop(subset: Subset<R>): void {
    this.#subsets.delete(subset.key);
    subset.live.close();
    this.#write([], subset.live.rows.keys(), subset);
  }

  /**
   * Shows rows that a subset has, or has no more. One that another has too stays
   * as it is when that is further, or will be: so no row goes back in time.
   * Without a subset all is looked at anew.
   */
  #write(there: Iterable<string>, gone: Iterable<string>, by: Subset<R> | undefined): void {
    this.#sync.begin();
    const furthestFirst = [...this.#subsets.values()].sort((a, b) => compare(timeOf(b), timeOf(a)));
    for (const key of gone) {
      const holder = furthestFirst.find(({ live }) => live.rows.has(key));
      if (!holder || !by) this.#put(key, holder?.live.rows.get(key));
    }
    for (const key of there) {
      const holder = furthestFirst.find(({ live }) => live.rows.has(key));
      if (holder === by || !by) this.#put(key, holder?.live.rows.get(key));
    }
    void this.#sync.commit();
  }

  #put(key: string, row: R | undefined): void {
    const shown = this.#shown.get(key);
    if (row === shown) return;
    const same = shown !== undefined && row !== undefined && this.#keyOf(shown) === this.#keyOf(row);
    if (shown !== undefined && !same) this.#sync.write({ type: 'delete', key: this.#keyOf(shown) });
    if (row === undefined) {
      this.#shown.delete(key);
    } else {
      this.#shown.set(key, row);
      this.#sync.write({ type: same ? 'update' : 'insert', value: row });
    }
  }
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function timeOf({ live }: Subset<unknown>): bigint {
  return BigInt(live.timestamp ?? -1);
}
