import { createContext, createElement, useContext, useEffect, useMemo, useRef, type ReactElement, type ReactNode } from 'react';
import { listen, type RowMessage } from './channels.js';
import { Patches, type ChannelRow, type QueryCacheLike } from './patches.js';

interface Realtime {
  readonly url?: string | undefined;
  readonly queryClient?: QueryCacheLike | undefined;
}

/** Options of {@link useRealtimeSubscription}. */
export interface RealtimeOptions {
  /** The columns that tell rows apart, by their names in the database. Default `id`. */
  readonly key?: string | readonly string[] | undefined;
  /** Where the row channels are, if not where the provider says. */
  readonly url?: string | undefined;
}

const Context = createContext<Realtime>({});

/**
 * Tells the hooks below it where the gateway's row channels are
 * (`ws://host:4000/ws`; without it at `/ws` of the page's own host), and which
 * QueryClient has the queries.
 */
export function RealtimeProvider({ url, queryClient, children }: Realtime & { readonly children?: ReactNode }): ReactElement {
  const value = useMemo(() => ({ url, queryClient }), [url, queryClient]);
  return createElement(Context.Provider, { value }, children);
}

/**
 * Listens to a row channel (`TYCOSTREAM_ROW_CHANNELS=true` at the gateway) for
 * as long as the component lives and `enabled` is true.
 *
 * What has a callback is told to it. Anything else changes the query at
 * `queryKey`, if its data are an array of rows with `key`, and otherwise
 * invalidates it. Whenever the channel begins, after a reconnect too, the query
 * is invalidated: changes may have been missed since it was fetched.
 */
export function useRealtimeSubscription<R extends ChannelRow = ChannelRow>(
  channel: string,
  queryKey: readonly unknown[],
  enabled = true,
  onInsert?: ((row: R) => void) | null,
  onUpdate?: ((row: R, old: Partial<R>) => void) | null,
  onDelete?: ((old: R) => void) | null,
  options: RealtimeOptions = {},
): void {
  const context = useContext(Context);
  const { queryClient } = context;
  const url = options.url ?? context.url;
  const key = JSON.stringify([options.key ?? 'id'].flat());
  const newest = useRef({ queryKey, onInsert, onUpdate, onDelete });
  useEffect(() => {
    newest.current = { queryKey, onInsert, onUpdate, onDelete };
  });
  useEffect(() => {
    if (!enabled) return undefined;
    const patches = queryClient && new Patches(queryClient, () => newest.current.queryKey, JSON.parse(key) as string[]);
    const row = (message: RowMessage) => {
      const { onInsert: inserted, onUpdate: updated, onDelete: deleted } = newest.current;
      if (message.op === 'INSERT' && inserted) inserted(message.new as R);
      else if (message.op === 'UPDATE' && updated) updated(message.new as R, message.old as Partial<R>);
      else if (message.op === 'DELETE' && deleted) deleted(message.old as R);
      else patches?.add(message);
    };
    const stop = listen(url ?? own(), channel, {
      row,
      subscribed: () => patches?.invalidate(),
      refused: (text) => console.error(`the row channel ${channel}: ${text}`),
    });
    return () => {
      patches?.stop();
      stop();
    };
  }, [queryClient, url, channel, enabled, key]);
}

function own(): string {
  const { protocol, host } = location;
  return `${protocol === 'https:' ? 'wss:' : 'ws:'}//${host}/ws`;
}
