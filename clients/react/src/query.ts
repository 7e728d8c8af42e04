import type { Client, LiveRows, Row, Where } from '@tycostream/client';
import { skipToken, useQuery, useQueryClient, type QueryClient, type QueryKey } from '@tanstack/react-query';
import { useEffect, useReducer, useRef } from 'react';
import { useTycostream } from './context.js';
import { perFrame } from './frames.js';
import { keyOf, type TableOptions } from './shared.js';

/** What {@link liveQuery} follows, and where it puts rows. */
export interface LiveQueryOptions<R, W = Where> extends TableOptions<W> {
  readonly source: string;
  /** A query of its own for each row too: set as rows change, removed as they go. */
  readonly rowKey?: (row: R) => QueryKey;
}

/**
 * Keeps the array of a source's rows at a query key: by setQueryData, once per
 * frame, as the rows are. Returns the subscription; close it to stop.
 */
export function liveQuery<R extends Row = Row, W = Where>(
  queries: QueryClient,
  queryKey: QueryKey,
  client: Client,
  { rowKey, ...options }: LiveQueryOptions<R, W>,
): LiveRows<R> {
  const live = client.liveRows<R, W>(options);
  const changed = new Map<string, R>();
  const gone = new Map<string, R>();
  const [schedule, cancel] = perFrame(() => {
    queries.setQueryData(queryKey, [...live.rows.values()]);
    if (!rowKey) return;
    for (const row of gone.values()) queries.removeQueries({ queryKey: rowKey(row), exact: true });
    for (const row of changed.values()) queries.setQueryData(rowKey(row), row);
    changed.clear();
    gone.clear();
  });
  live.subscribe(({ inserts, updates, deletes }) => {
    if (rowKey) {
      for (const row of deletes) {
        changed.delete(row._key);
        gone.set(row._key, row);
      }
      for (const row of [...inserts, ...updates]) {
        gone.delete(row._key);
        changed.set(row._key, row);
      }
    }
    schedule();
  });
  const close = live.close.bind(live);
  live.close = () => {
    cancel();
    close();
  };
  return live;
}

/**
 * A query whose data are a source's rows for as long as the component lives.
 * The data stay in the cache as long as gcTime says, and are the last known.
 */
export function useLiveQuery<R extends Row = Row, W = Where>(queryKey: QueryKey, options: LiveQueryOptions<R, W>) {
  const client = useTycostream();
  const queries = useQueryClient();
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const live = useRef<LiveRows<R> | undefined>(undefined);
  const { rowKey, source, ...rest } = options;
  const newest = useRef(rowKey);
  newest.current = rowKey;
  const same = keyOf(source, [queryKey, rest, rowKey !== undefined]);
  useEffect(() => {
    const following = liveQuery<R, W>(queries, queryKey, client, {
      ...rest, source, ...(rowKey ? { rowKey: (row: R) => newest.current!(row) } : {}),
    });
    live.current = following;
    following.onStatus(redraw);
    redraw();
    return () => following.close();
  }, [client, queries, same]); // what `same` says is what the others say
  const query = useQuery<readonly R[]>({ queryKey, queryFn: skipToken, staleTime: Infinity });
  return { ...query, liveStatus: live.current?.status ?? 'connecting', liveError: live.current?.error };
}
