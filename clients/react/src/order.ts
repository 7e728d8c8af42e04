import type { Cell, Column, Source } from '@tycostream/client';
import { keyOf, type Step } from './shared.js';
import type { Order, SortBy, SortColumn } from './types.js';

/** Compares rows, never as equal: the keys decide in the end. */
export type Compare<R> = (a: R, b: R) => number;

/** What an order means for the rows of a source; `undefined` when it is that in which they came. */
export function compareOf<R>({ sortBy, compare }: Order<R>, source: Source | undefined): Compare<R> | undefined {
  const first = compare ?? (sortBy === undefined ? undefined : byColumns(sortBy, source));
  return first && ((a, b) => first(a, b) || texts(keyOf(a), keyOf(b)));
}

/** Rows in order after a step, given those before it: few comparisons for few changes. */
export function merge<R>(sorted: readonly R[], { removed, added }: Step<R>, compare: Compare<R>): R[] {
  const kept = removed.size === 0 ? sorted : sorted.filter((row) => !removed.has(row));
  const rows: R[] = [];
  let from = 0;
  for (const row of [...added].sort(compare)) {
    const to = place(kept, row, from, compare);
    while (from < to) rows.push(kept[from++]!);
    rows.push(row);
  }
  while (from < kept.length) rows.push(kept[from++]!);
  return rows;
}

/** Whether rows are in order. */
export function isSorted<R>(rows: readonly R[], compare: Compare<R>): boolean {
  for (let i = 1; i < rows.length; i++) if (compare(rows[i - 1]!, rows[i]!) > 0) return false;
  return true;
}

/** The first place at or after `from` whose row comes after the given one. */
function place<R>(rows: readonly R[], row: R, from: number, compare: Compare<R>): number {
  let to = rows.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (compare(rows[middle]!, row) < 0) from = middle + 1;
    else to = middle;
  }
  return from;
}

function byColumns<R>(sortBy: SortBy<R>, source: Source | undefined): Compare<R> {
  const columns = (Array.isArray(sortBy) ? sortBy : [sortBy]) as readonly (string | SortColumn<R>)[];
  const compares = columns.map((given) => {
    const { column, descending, nulls } = typeof given === 'string' ? { column: given, descending: false, nulls: undefined } : given;
    const compare = cells(source?.columns.find((c) => c.name === column));
    const sign = descending ? -1 : 1;
    const nullFirst = nulls === 'first' ? -1 : 1;
    return (a: R, b: R): number => {
      const [x, y] = [(a as Record<string, Cell>)[column] ?? null, (b as Record<string, Cell>)[column] ?? null];
      if (x === null || y === null) return x === y ? 0 : x === null ? nullFirst : -nullFirst;
      return sign * compare(x, y);
    };
  });
  return (a, b) => {
    for (const compare of compares) {
      const order = compare(a, b);
      if (order !== 0) return order;
    }
    return 0;
  };
}

/** How the cells of a column compare that are not null. */
function cells(column: Column | undefined): (a: Cell, b: Cell) => number {
  if (column?.enumValues) {
    const position = new Map(column.enumValues.map((value, i) => [value, i]));
    return (a, b) => (position.get(a as string) ?? -1) - (position.get(b as string) ?? -1);
  }
  switch (column?.type) {
    case 'BigInt':
    case 'Decimal':
    case 'Integer':
    case 'Float':
      return numbers;
    case 'Timestamp': // 08:00:00Z is before 08:00:00.5Z
      return (a, b) => texts(String(a).replace('Z', ''), String(b).replace('Z', ''));
    default:
      return anything;
  }
}

function anything(a: Cell, b: Cell): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return texts(typeof a === 'object' ? JSON.stringify(a) : String(a), typeof b === 'object' ? JSON.stringify(b) : String(b));
}

function texts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Numbers and decimal texts, exactly: as doubles first, digit by digit only where doubles see no difference. NaN is the greatest. */
function numbers(a: Cell, b: Cell): number {
  const [x, y] = [Number(a), Number(b)];
  if (x < y) return -1;
  if (x > y) return 1;
  if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
  return typeof a === 'string' && typeof b === 'string' && a !== b ? digits(a, b) : 0;
}

function digits(a: string, b: string): number {
  const [x, y] = [magnitude(a), magnitude(b)];
  if (x.sign !== y.sign) return x.sign - y.sign;
  return x.sign * (x.whole.length - y.whole.length || texts(x.whole, y.whole) || texts(x.fraction, y.fraction));
}

function magnitude(text: string): { sign: number; whole: string; fraction: string } {
  const [, minus, whole = '', fraction = ''] = /^([-+]?)0*(\d*)(?:\.(\d*?)0*)?$/.exec(text) ?? [];
  return { sign: whole === '' && fraction === '' ? 0 : minus === '-' ? -1 : 1, whole, fraction };
}
