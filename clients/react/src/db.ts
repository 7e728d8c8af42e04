import type { Client, LiveRows, Row, Source, Where } from '@tycostream/client';
import type { BaseCollectionConfig, CollectionConfig, LoadSubsetOptions } from '@tanstack/db';
import { Subsets } from './db-subsets.js';
import { write, type Sync } from './db-write.js';
import { keyOf } from './shared.js';
import type { TableOptions } from './types.js';

/** What is TanStack DB's own in a collection's options. */
type Config<R extends object, K extends string | number> = Pick<
  BaseCollectionConfig<R, K>,
  'id' | 'gcTime' | 'startSync' | 'autoIndex' | 'defaultIndexType' | 'compare' | 'onInsert' | 'onUpdate' | 'onDelete'
>;

/** What a collection follows. */
export interface CollectionOptions<R extends object = Row, K extends string | number = string, W = Where> extends TableOptions<W>, Config<R, K> {
  readonly client: Client;
  readonly source: string;
  /** The collection's keys: `_key` without it. No two rows may have the same. */
  readonly getKey?: ((row: R) => K) | undefined;
  /**
   * `on-demand`: load what live queries ask for. Their conditions become the
   * filters of subscriptions, as far as the gateway can answer them. Default
   * `eager`: all rows that meet `where`.
   */
  readonly syncMode?: 'eager' | 'on-demand' | undefined;
  /** Called with each subscription that begins: for its status, age and errors. */
  readonly onLive?: ((live: LiveRows<R>) => void) | undefined;
}

/**
 * Options for `createCollection` of TanStack DB. One upstream time is one
 * transaction; after a reset the difference is one too, so that live queries
 * never see an empty or half-filled collection. An error that ends a
 * subscription is the collection's.
 */
export function tycostreamCollectionOptions<R extends object = Row, K extends string | number = string, W = Where>(
  options: CollectionOptions<R, K, W>,
): CollectionConfig<R, K> {
  const { client, source, where, columns, maxRate, maxRows, numbers, getKey, syncMode = 'eager', onLive, ...config } = options;
  const ownKey = getKey ?? ((row: R) => keyOf(row) as K);
  const open = (filter: W | ((found: Source) => W | undefined) | undefined) => {
    const live = client.liveRows<R, W>({ source, where: filter, columns, maxRate, maxRows, numbers });
    onLive?.(live);
    return live;
  };
  const sync = (params: Sync<R, K>) => {
    if (syncMode === 'eager') return follow(open(where), ownKey, getKey !== undefined, params);
    const narrowed = (narrow: (found: Source) => Where | undefined) => open((found) => both(where, narrow(found)) as W | undefined);
    const subsets = new Subsets<R, K>(narrowed, ownKey, params);
    params.markReady();
    return {
      loadSubset: (request: LoadSubsetOptions) => subsets.load(request),
      unloadSubset: (request: LoadSubsetOptions) => subsets.unload(request),
      cleanup: () => subsets.close(),
    };
  };
  return { ...config, getKey: ownKey, syncMode, sync: { rowUpdateMode: 'full', sync } };
}

function both(a: unknown, b: Where | undefined): unknown {
  return a !== undefined && b !== undefined ? { _and: [a, b] } : (a ?? b);
}

/** Writes a subscription's batches into a collection. `movable`: a row's key is the caller's, and may change. */
function follow<R extends object, K extends string | number>(live: LiveRows<R>, ownKey: (row: R) => K, movable: boolean, sync: Sync<R, K>): () => void {
  const keys = new Map<string, K>(); // of rows by _key, if they may change
  const before = (row: R) => keys.get(keyOf(row)) ?? ownKey(row);
  let ready = false;
  const stops = [
    live.subscribe(({ inserts, updates, deletes }) => {
      const stays = (row: R) => !movable || before(row) === ownKey(row);
      const moved = movable ? updates.filter((row) => !stays(row)) : [];
      const step = { deletes: [...deletes, ...moved].map(before), inserts: [...moved, ...inserts], updates: movable ? updates.filter(stays) : updates };
      if (movable) {
        for (const row of deletes) keys.delete(keyOf(row));
        for (const row of [...inserts, ...updates]) keys.set(keyOf(row), ownKey(row));
      }
      if (!write(sync, step)) {
        live.close();
        return;
      }
      if (!ready) sync.markReady();
      ready = true;
    }),
    live.onStatus(() => {
      if (live.status === 'error') sync.markError(live.error);
    }),
  ];
  return () => {
    for (const stop of stops) stop();
    live.close();
  };
}
