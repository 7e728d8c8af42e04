'use client';

import { LiveError, type Client, type Row, type Source, type Status, type Where } from '@tycostream/client';
import {
  QueryObserver, useQuery, useQueryClient, type QueryClient, type QueryKey, type UseQueryOptions, type UseQueryResult,
} from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { useTycostream } from './context.js';
import { keyOf, take, targetOf, type State, type Target } from './shared.js';
import { useView } from './table.js';
import type { HookOptions, Liveness, Order, TableOptions } from './types.js';
import { indexOf, View } from './view.js';

/** How rows stand in the cache: in order, or by `_key`. */
export type Form = 'array' | 'map';
export type Rows<R, F extends Form> = F extends 'map' ? ReadonlyMap<string, R> : readonly R[];

/** What {@link liveQuery} follows, and where it puts rows. */
export interface LiveQueryOptions<R = Row, W = Where, F extends Form = 'array'> extends TableOptions<W>, Order<R> {
  readonly source: string;
  /** What the data are. Default `array`. */
  readonly form?: F | undefined;
  /** A query of its own for each row too: set as rows change, removed as they go. */
  readonly rowKey?: ((row: R) => QueryKey) | undefined;
}

/** Options of {@link useLiveQuery}. */
export interface UseLiveQueryOptions<R = Row, W = Where, F extends Form = 'array'> extends LiveQueryOptions<R, W, F>, HookOptions {
  /** How long the last known rows stay in the cache after the last component. */
  readonly gcTime?: number | undefined;
}

/** What {@link useLiveQuery} returns: the query, and how its subscription is doing. */
export type LiveQueryResult<D> = UseQueryResult<D, LiveError> & {
  readonly liveStatus: Liveness['status'];
  readonly liveError: Liveness['error'];
} & Pick<Liveness, 'age' | 'retry'>;

/** A subscription that a query follows. */
export interface LiveQuery<R> {
  readonly rows: readonly R[];
  readonly status: Status | 'idle';
  readonly error: LiveError | undefined;
  readonly source: Source | undefined;
  age(): number | undefined;
  /** Resolves when the first rows are in the cache; rejects when it ends before. */
  readonly ready: Promise<void>;
  /** Ends it. What is in the cache stays for as long as the query's gcTime. */
  close(): void;
}

/**
 * Keeps a source's rows at a query key: by setQueryData, once per frame, as they
 * are. The query stays in the cache for as long as this runs, and removing it
 * ends this.
 */
export function liveQuery<R = Row, W = Where, F extends Form = 'array'>(
  queries: QueryClient,
  queryKey: QueryKey,
  client: Client,
  options: LiveQueryOptions<R, W, F>,
): LiveQuery<R> {
  const target = targetOf<R, W>(client, options.source, options);
  const view = new View(target, options);
  const mirror = new Mirror(queries, queryKey, view, options.form, options.rowKey);
  const stops = [view.subscribe(() => mirror.show())];
  const closing = new AbortController();
  const close = () => {
    closing.abort();
    for (const stop of stops.splice(0)) stop();
  };
  // It makes the query, says how it is, and keeps it from being collected.
  const observer = new QueryObserver(queries, optionsOf<R, F>(queryKey, target, view, options.form));
  const { queryHash } = observer.getCurrentQuery();
  mirror.show();
  stops.push(
    observer.subscribe(() => {}),
    queries.getQueryCache().subscribe((event) => {
      if (event.type === 'removed' && event.query.queryHash === queryHash) close();
    }),
  );
  const ready = complete(target, closing.signal).then(() => mirror.show());
  ready.catch(() => {}); // whoever wants to know looks at it or at status
  return {
    get rows() { return view.get().rows; },
    get status() { return view.get().status; },
    get error() { return view.get().error; },
    get source() { return view.get().source; },
    age: view.age,
    ready,
    close,
  };
}

/**
 * Options for ensureQueryData, prefetchQuery, useQuery and useSuspenseQuery: they
 * wait for the first rows. Following them is for `useLiveQuery` and `liveQuery`,
 * which find them in the cache.
 */
export function liveQueryOptions<R = Row, W = Where, F extends Form = 'array'>(
  queryKey: QueryKey,
  client: Client,
  options: LiveQueryOptions<R, W, F>,
): UseQueryOptions<Rows<R, F>, LiveError> & { queryKey: QueryKey } {
  const target = targetOf<R, W>(client, options.source, options);
  return optionsOf(queryKey, target, new View(target, options), options.form);
}

/**
 * A query whose data are a source's rows for as long as the component lives.
 * Afterwards they are the last known, for gcTime.
 */
export function useLiveQuery<R = Row, W = Where, F extends Form = 'array'>(
  queryKey: QueryKey,
  options: UseLiveQueryOptions<R, W, F>,
): LiveQueryResult<Rows<R, F>> {
  const client = useTycostream(options.client);
  const queries = useQueryClient();
  const { enabled = true, form, gcTime, rowKey } = options;
  const target = targetOf<R, W>(client, options.source, options);
  const [view, { status, error }] = useView(enabled ? target : undefined, options);
  const newest = useRef(rowKey);
  const keyed = rowKey !== undefined;
  const query = useQuery<Rows<R, F>, LiveError>({ ...optionsOf<R, F>(queryKey, target, view, form), enabled, ...(gcTime === undefined ? {} : { gcTime }) });
  useEffect(() => {
    newest.current = rowKey;
  });
  const hash = queries.defaultQueryOptions({ queryKey }).queryHash;
  useEffect(() => {
    const mirror = new Mirror(queries, queryKey, view, form, keyed ? (row) => newest.current!(row) : undefined);
    const stop = view.subscribe(() => mirror.show());
    mirror.show();
    return stop;
  }, [queries, hash, view, form, keyed]);
  return { ...query, liveStatus: status, liveError: error, age: view.age, retry: view.retry };
}

function optionsOf<R, F extends Form>(queryKey: QueryKey, target: Target<R>, view: View<R>, form: F | undefined) {
  return {
    queryKey,
    queryFn: async ({ signal }: { readonly signal: AbortSignal }): Promise<Rows<R, F>> => {
      view.retry(); // if an error has ended it
      await complete(target, signal);
      return shape(view.get().rows, form);
    },
    staleTime: Infinity,
    structuralSharing: false, // rows are the same objects for as long as they are the same
    networkMode: 'always', // a gateway that is away is waited for
    retry: false, // what is tried again is tried again below
  } as const;
}

/** Resolves when a target's first snapshot is complete; rejects when an error or the signal ends it before. */
async function complete<R>(target: Target<R>, signal: AbortSignal): Promise<void> {
  const [table, release] = take(target);
  let stop = () => {};
  try {
    await new Promise<void>((resolve, reject) => {
      const look = () => {
        if (table.state.status === 'error') reject(table.state.error);
        else if (table.state.complete) resolve();
      };
      stop = table.subscribe(look);
      signal.addEventListener('abort', () => reject(new LiveError('closed before the first snapshot was complete', 'CLOSED')));
      look();
    });
  } finally {
    stop();
    release();
  }
}

function shape<R, F extends Form>(rows: readonly R[], form: F | undefined): Rows<R, F> {
  return (form === 'map' ? indexOf(rows)() : rows) as Rows<R, F>;
}

/** Puts what a view shows into the cache. */
class Mirror<R, F extends Form> {
  readonly #queries: QueryClient;
  readonly #key: QueryKey;
  readonly #view: View<R>;
  readonly #form: F | undefined;
  readonly #rowKey: ((row: R) => QueryKey) | undefined;
  #shown: State<R> | undefined;

  constructor(queries: QueryClient, key: QueryKey, view: View<R>, form: F | undefined, rowKey: ((row: R) => QueryKey) | undefined) {
    this.#queries = queries;
    this.#key = key;
    this.#view = view;
    this.#form = form;
    this.#rowKey = rowKey;
  }

  show(): void {
    const state = this.#view.get();
    const before = this.#shown;
    if (!state.complete || state.rows === before?.rows) return;
    this.#shown = state;
    const last = this.#queries.getQueryData<ReadonlyMap<string, R> | readonly R[]>(this.#key) ?? [];
    this.#queries.setQueryData(this.#key, shape(state.rows, this.#form));
    if (this.#rowKey) this.#showRows(this.#rowKey, last.values(), before, state);
  }

  /** `last` is what was in the cache, perhaps of a component before. */
  #showRows(rowKey: (row: R) => QueryKey, last: Iterable<R>, before: State<R> | undefined, { rows, step }: State<R>): void {
    const known = before !== undefined && step !== before.step; // each step is told
    const added = known ? step!.added : rows;
    const stay = new Set(added.map(keyOf));
    for (const row of known ? step!.removed : last) {
      if (!stay.has(keyOf(row))) this.#queries.removeQueries({ queryKey: rowKey(row), exact: true });
    }
    for (const row of added) this.#queries.setQueryData(rowKey(row), row);
  }
}
