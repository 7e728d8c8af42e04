import type { SyncConfig } from '@tanstack/db';

/** What TanStack DB gives a collection's `sync`. */
export type Sync<R extends object, K extends string | number> = Parameters<SyncConfig<R, K>['sync']>[0];

/** A step from one state of a collection to the next: deletes come first, for a key may go from one row to another. */
export interface Write<R, K> {
  readonly deletes: readonly K[];
  readonly inserts: readonly R[];
  readonly updates: readonly R[];
}

/**
 * Writes a step as one transaction. It must be exact: the collection refuses an
 * insert of a key that is there, as two rows with one key are, and makes a row
 * of an update of one that is not. Refused, it is the collection's error, and
 * false is returned.
 */
export function write<R extends object, K extends string | number>(sync: Sync<R, K>, { deletes, inserts, updates }: Write<R, K>): boolean {
  try {
    sync.begin();
    for (const key of deletes) sync.write({ type: 'delete', key });
    for (const value of updates) sync.write({ type: 'update', value });
    for (const value of inserts) sync.write({ type: 'insert', value });
    void sync.commit();
    return true;
  } catch (error) {
    sync.markError(error);
    return false;
  }
}
