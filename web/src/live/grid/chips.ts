import { whereLiteral } from '../code/literal.js';
import type { Profile } from './sample.js';

/** A filter that makes sense for the data, to click. */
export interface Chip {
  readonly label: string;
  readonly where: string;
}

const most = 5;

/** Proposes filters: what part of the rows has, and not nearly all of them. */
export function chips(profiles: readonly Profile[]): Chip[] {
  const columns = { columns: profiles.map((p) => p.column) };
  const found: Chip[] = [];
  for (const make of [choices, prefixes, signs, thresholds, gaps]) {
    for (const p of profiles) {
      const made = p.count >= 2 ? make(p) : undefined;
      if (!made) continue;
      const [label, comparison] = made;
      found.push({ label: `${p.column.name} ${label}`, where: whereLiteral({ [p.column.name]: comparison }, columns) });
      if (make !== choices) break; // one of a kind
    }
  }
  return found.slice(0, most);
}

type Made = readonly [label: string, comparison: Record<string, unknown>] | undefined;

/** One of a few values: an enum, a flag, a text with few spellings. */
function choices({ column, texts, count }: Profile): Made {
  if (column.type === 'Boolean') return texts.length > 1 ? ['is true', { _eq: true }] : undefined;
  if (column.enumValues) return texts.length > 1 ? [`= ${texts[0]!.text}`, { _eq: texts[0]!.text }] : undefined;
  if (column.type !== 'String' || texts.length < 2 || texts.length > 8 || count < 3 * texts.length) return undefined;
  return [`= ${short(texts[0]!.text)}`, { _eq: texts[0]!.text }];
}

/** The letter that most texts begin with. */
function prefixes({ column, texts, count }: Profile): Made {
  if (column.type !== 'String' || texts.length < 9) return undefined;
  const first = new Map<string, number>();
  for (const { text, count: n } of texts) {
    const letter = /^[\p{L}\p{N}]/u.exec(text)?.[0];
    if (letter !== undefined) first.set(letter, (first.get(letter) ?? 0) + n);
  }
  const [letter, n] = [...first].sort((a, b) => b[1] - a[1])[0] ?? ['', 0];
  if (n < 2 || n > 0.8 * count) return undefined;
  return [`like ${letter}%`, { _like: `${letter}%` }];
}

function signs({ column, numbers }: Profile): Made {
  if (column.key || !numbers || numbers.min >= 0 || numbers.max <= 0) return undefined;
  const fewer = numbers.quantile(0.5) < 0 ? '_gt' : '_lt';
  return [fewer === '_gt' ? '> 0' : '< 0', { [fewer]: number(0, column.type) }];
}

/** A round number that a tenth of the rows or so is above. */
function thresholds({ column, numbers }: Profile): Made {
  if (column.key || !numbers || numbers.quantile(0.9) <= 0) return undefined;
  const border = round(numbers.quantile(0.9));
  if (border <= numbers.quantile(0.3) || border >= numbers.max) return undefined;
  if (numbers.quantile(0.9) < 3 * Math.abs(numbers.quantile(0.5))) return undefined; // all about the same: ids, years
  return [`> ${border.toLocaleString('en')}`, { _gt: number(border, column.type) }];
}

function gaps({ nulls, count }: Profile): Made {
  return nulls > 0 && nulls < 0.5 * count ? ['is null', { _is_null: true }] : undefined;
}

// BigInt and Decimal go as text everywhere.
function number(value: number, type: string): number | string {
  return type === 'BigInt' || type === 'Decimal' ? plain(value) : value;
}

function plain(value: number): string {
  return value.toLocaleString('en', { useGrouping: false, maximumFractionDigits: 20 });
}

/** One digit and zeros. */
function round(value: number): number {
  return Number(value.toPrecision(1));
}

function short(text: string): string {
  return text.length > 18 ? `${text.slice(0, 17)}…` : text;
}
