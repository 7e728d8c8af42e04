import { LiveError, type Row, type Source, type Where } from '@tycostream/client';
import { useMemo } from 'react';
import { useTycostream } from './context.js';
import { textOf, type Target } from './shared.js';
import { useView } from './table.js';
import type { HookOptions, Liveness, TableOptions } from './types.js';
import { livenessOf } from './view.js';

/** Which row: the key itself, the columns of the key by name, or the `_key` of a row. */
export type RowKey = string | number | bigint | boolean | Readonly<Record<string, unknown>>;

/** Options of {@link useLiveRow}. */
export interface LiveRowOptions extends Omit<TableOptions<never>, 'where' | 'maxRows'>, HookOptions {}

/** What {@link useLiveRow} returns. */
export interface LiveRow<R> extends Liveness {
  /** The row; `undefined` while it is not known, and when there is none. */
  readonly row: R | undefined;
  /** The row is known, or it is known that there is none. */
  readonly isKnown: boolean;
}

/** Follows one row: `useLiveRow('livePnL', 7)`, `useLiveRow('trades', {venue: 'X', id: 7})`. Without a key, nothing. */
export function useLiveRow<R = Row>(source: string, key: RowKey | null | undefined, options: LiveRowOptions = {}): LiveRow<R> {
  const { columns, maxRate, numbers, enabled } = options;
  const client = useTycostream(options.client);
  const target: Target<R> | undefined = enabled === false || key === null || key === undefined ? undefined : {
    client,
    key: textOf({ source, row: key, columns, maxRate, numbers }),
    open: () => client.liveRows<R>({ source, where: (found) => whereOf(found, key), columns, maxRate, numbers }),
  };
  const [view, state] = useView(target, {});
  return useMemo(() => ({ ...livenessOf(view, state), row: state.rows[0], isKnown: state.complete }), [view, state]);
}

/** The filter for the row with a key. */
export function whereOf({ field, primaryKey, columns }: Source, key: RowKey): Where {
  const values = primaryKey.length === 1 && typeof key !== 'object' ? [key] : several(primaryKey, key);
  if (values?.length !== primaryKey.length || values.includes(undefined)) {
    throw new LiveError(`the key of ${field} is ${primaryKey.join(', ')}; got ${textOf(key)}`, 'BAD_USER_INPUT', 'key');
  }
  return Object.fromEntries(primaryKey.map((name, i) => {
    const type = columns.find((column) => column.name === name)?.type;
    return [name, { _eq: valueOf(type, values[i]) }];
  }));
}

/** The parts of a key: those named, or those of a `_key`, which is a JSON array. */
function several(names: readonly string[], key: RowKey): readonly unknown[] | undefined {
  if (typeof key === 'object') return names.map((name) => key[name] ?? undefined);
  try {
    const parts: unknown = JSON.parse(String(key));
    return Array.isArray(parts) ? parts : undefined;
  } catch {
    return undefined;
  }
}

/** A part of a key as its column wants it: a `_key` is text. */
function valueOf(type: string | undefined, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'string') return value;
  if (type === 'Integer' || type === 'Float') return value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value;
  if (type === 'Boolean') return value === 't' || value === 'true' ? true : value === 'f' || value === 'false' ? false : value;
  return value;
}
