import type { Row, Where } from '@tycostream/client';
import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import { useTycostream } from './context.js';
import { connecting, keyOf, sharedTable, type Table, type TableOptions } from './shared.js';

/** What {@link useLiveTable} returns. */
export interface LiveTable<R> extends Table<R> {
  /** The rows are those of the options before, until the first snapshot with the new ones is complete. */
  readonly isPlaceholder: boolean;
}

const server = (): Table<never> => connecting;

/**
 * Follows a source: its rows, drawn at most once per frame. Options are compared
 * by what they say, so they may be written in place; components that ask for
 * the same share one subscription. On a server it is empty and connects to
 * nothing.
 */
export function useLiveTable<R = Row, W = Where>(source: string, options: TableOptions<W> = {}): LiveTable<R> {
  const client = useTycostream();
  const key = keyOf(source, options);
  const shared = useMemo(() => sharedTable<R>(client, key), [client, key]);
  const table = useSyncExternalStore<Table<R>>(shared.subscribe, shared.get, server);

  const before = useRef<{ readonly source: string; readonly rows: readonly R[] } | undefined>(undefined);
  const loading = table.status === 'connecting' || table.status === 'snapshot' || (table.status === 'error' && table.asOf === undefined);
  useEffect(() => {
    if (!loading) before.current = { source, rows: table.rows };
  });
  const held = before.current;
  const isPlaceholder = loading && held !== undefined && held.source === source;
  return useMemo(
    () => ({ ...table, rows: isPlaceholder ? held.rows : table.rows, isPlaceholder }),
    [table, isPlaceholder, held],
  );
}

/** What {@link useLiveRow} returns. */
export interface LiveRow<R> extends Omit<Table<R>, 'rows'> {
  /** The row; `undefined` while it is not known, and when there is none with this key. `status` tells the two apart. */
  readonly row: R | undefined;
}

/** Follows the row with a key: `useLiveRow('livePnL', {instrumentId: 7})`. */
export function useLiveRow<R = Row>(
  source: string,
  key: Readonly<Record<string, unknown>>,
  options: Omit<TableOptions<never>, 'where'> = {},
): LiveRow<R> {
  const where = Object.fromEntries(Object.entries(key).map(([column, value]) => [column, { _eq: value }]));
  const { rows, isPlaceholder, ...table } = useLiveTable<R>(source, { ...options, where });
  return { ...table, row: isPlaceholder ? undefined : rows[0] };
}
