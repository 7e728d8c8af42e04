import { createContext, createElement, useContext, useEffect, useMemo, useRef, type ReactElement, type ReactNode } from 'react';
import { listen, type RowMessage } from './channels.js';

/** A row as the row channels send it: by the database's column names. */
export type ChannelRow = Readonly<Record<string, unknown>>;

/** What is needed of TanStack Query's QueryClient. Nothing is imported of it, for those who give all three callbacks. */
export interface QueryInvalidator {
  invalidateQueries(filters: { readonly queryKey: readonly unknown[] }): unknown;
}

interface Realtime {
  readonly url?: string | undefined;
  readonly queryClient?: QueryInvalidator | undefined;
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
 * as long as the component lives and `enabled` is true. Without a callback for
 * what has happened, the queries at `queryKey` are invalidated, at most once per
 * 100 ms; they are after every reconnect too, for changes may have been missed.
 */
export function useRealtimeSubscription<R extends ChannelRow = ChannelRow>(
  channel: string,
  queryKey: readonly unknown[],
  enabled = true,
  onInsert?: (row: R) => void,
  onUpdate?: (row: R, old: Partial<R>) => void,
  onDelete?: (old: R) => void,
): void {
  const { url, queryClient } = useContext(Context);
  const newest = useRef({ queryKey, onInsert, onUpdate, onDelete });
  useEffect(() => {
    newest.current = { queryKey, onInsert, onUpdate, onDelete };
  });
  useEffect(() => {
    if (!enabled) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const invalidate = () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        queryClient?.invalidateQueries({ queryKey: newest.current.queryKey });
      }, 100);
    };
    const row = (message: RowMessage) => {
      const { onInsert: inserted, onUpdate: updated, onDelete: deleted } = newest.current;
      if (message.op === 'INSERT' && inserted) inserted(message.new as R);
      else if (message.op === 'UPDATE' && updated) updated(message.new as R, message.old as Partial<R>);
      else if (message.op === 'DELETE' && deleted) deleted(message.old as R);
      else invalidate();
    };
    const stop = listen(url ?? own(), channel, {
      row,
      subscribed: (again) => {
        if (again) invalidate();
      },
      refused: (text) => console.error(`the row channel ${channel}: ${text}`),
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [queryClient, url, channel, enabled]);
}

function own(): string {
  const { protocol, host } = location;
  return `${protocol === 'https:' ? 'wss:' : 'ws:'}//${host}/ws`;
}
