import type { Column } from '@tycostream/client';
import { isNumeric, type Profile } from './sample.js';

/** How a column looks, in Perspective's words. */
export interface Look {
  bold?: boolean;
  align?: 'right';
  fg_mode?: 'disabled' | 'color' | 'label-bar';
  bg_mode?: 'pulse';
  fg_gradient?: number;
  number_format?: Record<string, unknown>;
  date_format?: Record<string, unknown>;
  column_size_override?: number;
}

/**
 * Decides on looks: the first text is bold; numbers of both signs are coloured
 * by theirs; one large number gets a bar; one that moves flashes. Anything more
 * would be noise. `moving` are columns that have just been seen to change.
 */
export function looks(profiles: readonly Profile[], moving: ReadonlySet<string>, exact: boolean): Record<string, Look> {
  const bold = profiles.find((p) => p.column.type === 'String')?.column.name;
  const bar = exact ? undefined : barOf(profiles);
  const pulse = exact ? undefined : profiles.find((p) => moving.has(p.column.name) && !signed(p) && p.column.name !== bar)?.column.name;
  return Object.fromEntries(profiles.map((p) => {
    const { name, type } = p.column;
    const look: Look = numberLook(p, exact);
    if (name === bold) look.bold = true;
    if (name === bar) Object.assign(look, { fg_mode: 'label-bar', fg_gradient: extent(p) });
    if (name === pulse) look.bg_mode = 'pulse';
    if (type === 'Timestamp' && !exact) look.date_format = moment;
    return [name, look];
  }));
}

// The API's own zone and order: what is read here can be looked up there.
const moment = {
  format: 'custom', timeZone: 'UTC', hour12: false, fractionalSecondDigits: 3,
  year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit',
};

function numberLook(p: Profile, exact: boolean): Look {
  const { column, numbers } = p;
  if (!isNumeric(column)) return {};
  if (exact) return column.type === 'Integer' ? { fg_mode: 'disabled', number_format: plain } : { align: 'right' }; // texts
  if (!numbers) return { fg_mode: 'disabled' };
  return { fg_mode: signed(p) ? 'color' : 'disabled', number_format: numberFormat(p) };
}

const plain = { useGrouping: false, maximumFractionDigits: 0 };

/** What is to be changed in a look, now that more of the column has been seen: what was not known, and digits that would be cut. */
export function relook(before: Look, now: Look, knew: boolean): Look {
  if (!knew) return now;
  const digits = (look: Look) => Number(look.number_format?.['maximumFractionDigits'] ?? 0);
  return digits(now) > digits(before) ? { number_format: now.number_format! } : {};
}

/** Options of Intl.NumberFormat for a column of numbers. */
export function numberFormat({ column, numbers }: Profile): Record<string, unknown> {
  if (isId(column)) return plain;
  if (column.type === 'Integer' || column.type === 'BigInt' || !numbers) return { maximumFractionDigits: 0 };
  const digits = Math.min(numbers.fraction, 6);
  // Ratios and the like: as many digits as they need, and no row of zeros.
  return column.type === 'Float' ? { minimumFractionDigits: 0, maximumFractionDigits: Math.max(digits, 2) } : { minimumFractionDigits: digits, maximumFractionDigits: digits };
}

/** A number that names something: nobody wants it in groups of three. */
export function isId({ key, name, type }: Column): boolean {
  return (type === 'Integer' || type === 'BigInt') && (key || /(^|_)id$|Id$/.test(name));
}

function signed({ column, numbers }: Profile): boolean {
  return !column.key && numbers !== undefined && numbers.min < 0 && numbers.max > 0 && numbers.quantile(0.95) > 0 && numbers.quantile(0.05) < 0;
}

/** The column with the largest numbers, if they differ enough for lengths to tell something. */
function barOf(profiles: readonly Profile[]): string | undefined {
  let best: Profile | undefined;
  for (const p of profiles) {
    if (isId(p.column) || !p.numbers || p.count < 8 || p.column.type === 'Integer') continue;
    if (extent(p) < 3 * Math.abs(p.numbers.quantile(0.5))) continue;
    if (!best || extent(p) > extent(best)) best = p;
  }
  return best?.column.name;
}

function extent({ numbers }: Profile): number {
  return Math.max(Math.abs(numbers!.quantile(0.98)), Math.abs(numbers!.quantile(0.02))) || 1;
}
