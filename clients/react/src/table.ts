import type { Row, Where } from '@tycostream/client';
import { useEffect, useMemo, useReducer, useRef, useSyncExternalStore } from 'react';
import { useTycostream } from './context.js';
import { targetOf, textOf, type State, type Target } from './shared.js';
import type { HookOptions, Liveness, Order, TableOptions } from './types.js';
import { indexOf, livenessOf, View } from './view.js';

/** Options of {@link useLiveTable}. */
export interface LiveTableOptions<R = Row, W = Where> extends TableOptions<W>, Order<R>, HookOptions {}

/** What {@link useLiveTable} returns. */
export interface LiveTable<R> extends Liveness {
  /** The same array until a row changes; rows that have not changed are the same objects. */
  readonly rows: readonly R[];
  /** The rows by `_key`. */
  readonly byKey: ReadonlyMap<string, R>;
  /** The rows are those of the filter before, until the first snapshot with this one is complete. */
  readonly isPlaceholder: boolean;
}

/**
 * Follows a source: its rows, drawn at most once per frame. Options are compared
 * by what they say, so they may be written in place; components that ask for
 * the same share one subscription. On a server it is empty and connects to
 * nothing.
 */
export function useLiveTable<R = Row, W = Where>(source: string, options: LiveTableOptions<R, W> = {}): LiveTable<R> {
  const client = useTycostream(options.client);
  const target = options.enabled === false ? undefined : targetOf<R, W>(client, source, options);
  const { columns, numbers } = options;
  const [view, state] = useView(target, options);
  const shown = useKept(state, target && textOf({ source, columns, numbers }), target?.client);
  return useMemo(() => {
    const index = indexOf(shown.rows);
    return {
      ...livenessOf(view, state),
      rows: shown.rows,
      get byKey() {
        return index();
      },
      isPlaceholder: shown !== state,
    };
  }, [view, state, shown]);
}

/** The view of a target, in its order, and what it shows. */
export function useView<R>(target: Target<R> | undefined, { sortBy, compare }: Order<R>): [view: View<R>, state: State<R>] {
  const same = textOf([target?.key, sortBy]);
  const view = useMemo(() => new View(target, { sortBy, compare }), [target?.client, same]); // equal text, equal target
  const state = useSyncExternalStore(view.subscribe, view.get, view.server);
  useEffect(() => view.reorder(compare));
  return [view, state];
}

/** The state itself, or the last complete one of rows of the same shape while there is none. */
function useKept<R>(state: State<R>, shape: string | undefined, owner: unknown): State<R> {
  const last = useRef<{ readonly state: State<R>; readonly shape: string | undefined; readonly owner: unknown } | undefined>(undefined);
  useEffect(() => {
    if (state.complete) last.current = { state, shape, owner };
  });
  const kept = last.current;
  return !state.complete && shape !== undefined && kept?.shape === shape && kept.owner === owner ? kept.state : state;
}

/** Draws a table's age every so many milliseconds, for it grows while nothing else happens. */
export function useAge({ age }: Pick<Liveness, 'age'>, every = 1000): number | undefined {
  const [, draw] = useReducer((n: number) => n + 1, 0);
  useEffect(() => {
    const timer = setInterval(draw, every);
    return () => clearInterval(timer);
  }, [every]);
  return age();
}
