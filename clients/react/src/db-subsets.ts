import type { LiveError, LiveRows, RowsBatch, Source, Where } from '@tycostream/client';
import type { LoadSubsetOptions } from '@tanstack/db';
import { pushDown } from './db-where.js';
import { write, type Sync } from './db-write.js';
import { keyOf, textOf } from './shared.js';

interface Subset<R> {
  readonly key: string;
  readonly live: LiveRows<R>;
  /** The requests that it answers. */
  readonly users: Set<LoadSubsetOptions>;
  /** The upstream time of its last batch. */
  time: bigint;
}

/** A row as it is shown, and the upstream time of the batch that brought it. */
interface Shown<R> {
  readonly row: R;
  readonly time: bigint;
}

/**
 * The rows that live queries ask for: one subscription for each condition. A row
 * may be in several of them, which are not at the same time: what one says of a
 * row that is shown from a later time is old, and not shown.
 */
export class Subsets<R extends object, K extends string | number> {
  readonly #open: (where: (source: Source) => Where | undefined) => LiveRows<R>;
  readonly #keyOf: (row: R) => K;
  readonly #sync: Sync<R, K>;
  readonly #subsets = new Map<string, Subset<R>>();
  readonly #shown = new Map<string, Shown<R>>();
  #step: { readonly deletes: K[]; readonly inserts: R[]; readonly updates: R[] } = nothing(); // not written yet

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
    const subset: Subset<R> = { key, live, users: new Set(), time: -1n };
    this.#subsets.set(key, subset);
    live.subscribe((batch) => this.#take(subset, batch));
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
    for (const key of subset.live.rows.keys()) this.#left(key);
    this.#commit();
  }

  #take(subset: Subset<R>, { inserts, updates, deletes, timestamp }: RowsBatch<R>): void {
    const time = BigInt(timestamp);
    const anew = time < subset.time; // another database is behind the gateway: what is later is not known
    subset.time = time;
    if (anew) {
      for (const key of new Set([...this.#shown.keys(), ...subset.live.rows.keys()])) this.#settle(key);
    } else {
      for (const row of deletes) this.#left(keyOf(row));
      for (const row of [...updates, ...inserts]) {
        if (time >= (this.#shown.get(keyOf(row))?.time ?? 0n)) this.#put(keyOf(row), { row, time });
      }
    }
    this.#commit();
  }

  /** A subset has a row no more. If another has it, that will say more, if there is more to say. */
  #left(key: string): void {
    if (!this.#holder(key)) this.#put(key, undefined);
  }

  /** Shows a row as the furthest subset has it. */
  #settle(key: string): void {
    const holder = this.#holder(key);
    this.#put(key, holder && { row: holder.live.rows.get(key)!, time: holder.time });
  }

  #holder(key: string): Subset<R> | undefined {
    let furthest: Subset<R> | undefined;
    for (const subset of this.#subsets.values()) {
      if (subset.live.rows.has(key) && !(furthest && furthest.time >= subset.time)) furthest = subset;
    }
    return furthest;
  }

  #put(key: string, next: Shown<R> | undefined): void {
    const before = this.#shown.get(key)?.row;
    if (next) this.#shown.set(key, next);
    else this.#shown.delete(key);
    if (before === next?.row) return;
    const same = before !== undefined && next !== undefined && this.#keyOf(before) === this.#keyOf(next.row);
    if (before !== undefined && !same) this.#step.deletes.push(this.#keyOf(before));
    if (next) (same ? this.#step.updates : this.#step.inserts).push(next.row);
  }

  #commit(): void {
    const step = this.#step;
    this.#step = nothing();
    if (!write(this.#sync, step)) this.close();
  }
}

function nothing(): { deletes: never[]; inserts: never[]; updates: never[] } {
  return { deletes: [], inserts: [], updates: [] };
}
