import type { Column } from '@tycostream/client';

/** Some rows of a table, one array per column, as Perspective's JSON has them. */
export type Sample = Readonly<Record<string, readonly unknown[]>>;

/** What a column of a sample is like. */
export interface Profile {
  readonly column: Column;
  readonly count: number;
  readonly nulls: number;
  /** Of a column of numbers; texts of exact digits count too. */
  readonly numbers: Numbers | undefined;
  /** Its texts, those of exact digits too, the most frequent first. */
  readonly texts: readonly { readonly text: string; readonly count: number }[];
}

export interface Numbers {
  readonly min: number;
  readonly max: number;
  /** By rank: 0.5 is the median. */
  quantile(part: number): number;
  /** Digits behind the point that almost all values get by with. */
  readonly fraction: number;
}

const numeric = new Set(['Integer', 'BigInt', 'Float', 'Decimal']);

export function isNumeric(column: Column): boolean {
  return numeric.has(column.type);
}

export function profile(column: Column, values: readonly unknown[]): Profile {
  const there = values.filter((v) => v !== null && v !== undefined);
  return {
    column,
    count: values.length,
    nulls: values.length - there.length,
    numbers: isNumeric(column) ? numbersOf(there.map(Number).filter(Number.isFinite)) : undefined,
    texts: frequencies(there.filter((v) => typeof v === 'string' || typeof v === 'boolean').map(String)),
  };
}

function numbersOf(values: number[]): Numbers | undefined {
  if (values.length === 0) return undefined;
  const sorted = values.sort((a, b) => a - b);
  const fractions = sorted.map(fractionOf).sort((a, b) => a - b);
  return {
    min: sorted[0]!,
    max: sorted.at(-1)!,
    quantile: (part) => sorted[Math.min(Math.floor(part * sorted.length), sorted.length - 1)]!,
    fraction: fractions[Math.floor(0.98 * (fractions.length - 1))]!,
  };
}

function fractionOf(value: number): number {
  const [digits, exponent = '0'] = String(value).split('e');
  return Math.max((digits!.split('.')[1]?.length ?? 0) - Number(exponent), 0);
}

function frequencies(texts: readonly string[]): { text: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].map(([text, count]) => ({ text, count })).sort((a, b) => b.count - a.count);
}
