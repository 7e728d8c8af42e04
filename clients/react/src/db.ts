import type { Client, LiveRows, Row, Where } from '@tycostream/client';
import type { CollectionConfig } from '@tanstack/db';
import type { TableOptions } from './shared.js';

/** What a collection follows. */
export interface CollectionOptions<W = Where> extends TableOptions<W> {
  readonly client: Client;
  readonly source: string;
  /** The collection's id; the source's name without it. */
  readonly id?: string;
  /** Called with the subscription whenever the collection starts one: for its status, age and errors. */
  readonly onLive?: (live: LiveRows<Row>) => void;
}

/**
 * Options for `createCollection` of TanStack DB. One upstream time is one
 * transaction; after a reset the difference is one too, so that live queries
 * never see an empty or half-filled collection. Rows are keyed by `_key`.
 */
export function tycostreamCollectionOptions<R extends Row = Row, W = Where>(
  { client, id, onLive, ...options }: CollectionOptions<W>,
): CollectionConfig<R, string> {
  return {
    id: id ?? options.source,
    getKey: (row) => row._key,
    sync: {
      rowUpdateMode: 'full',
      sync: ({ begin, write, commit, markReady, markError }) => {
        const live = client.liveRows<R, W>(options);
        onLive?.(live as unknown as LiveRows<Row>);
        // Batches are exact: an insert is never of a row that is there, which the
        // collection would refuse, an update never of one that is not.
        live.subscribe(({ inserts, updates, deletes }) => {
          begin();
          for (const row of deletes) write({ type: 'delete', key: row._key });
          for (const value of inserts) write({ type: 'insert', value });
          for (const value of updates) write({ type: 'update', value });
          void commit();
        });
        live.ready.then(markReady, () => {
          if (live.error) markError(live.error);
        });
        return () => live.close();
      },
    },
  };
}
