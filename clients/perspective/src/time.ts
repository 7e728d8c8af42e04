import type { Cell } from '@tycostream/client';

// The texts are the gateway's: 2026-01-02T03:04:05.678Z, with an offset, or
// without a zone. A scanner of our own is twice as fast as Date.parse, which
// would also take a time without zone as local, and words for dates.

const dayLength = 86_400_000;
/** What a JavaScript Date, and so a viewer, can show. */
const limit = 8.64e15;
const digits = /^-?\d+$/;

/**
 * The milliseconds since 1970 of a timestamp, NaN if there are none: infinity,
 * and years before Christ, which viewers would show as years after. Without a
 * zone it is taken for UTC, so that it is the same everywhere. Numbers, also as
 * text, are milliseconds already.
 */
export function millisecondsOf(cell: Cell): number {
  const value = typeof cell === 'string' ? scan(cell) : typeof cell === 'number' ? Math.floor(cell) : NaN;
  return Math.abs(value) <= limit ? value : NaN;
}

/** The days since 1970 of a date, NaN if there are none. */
export function daysOf(cell: Cell): number {
  if (typeof cell !== 'string') return NaN;
  const year = cell.indexOf('-');
  return cell.length === year + 6 ? dateAt(cell, year) : NaN;
}

function scan(text: string): number {
  const year = text.indexOf('-');
  if (year < 1) return digits.test(text) ? Number(text) : NaN;
  const at = year + 7;
  const separator = text[at - 1];
  if (separator === undefined) return dateAt(text, year) * dayLength;
  if (separator !== 'T' && separator !== ' ') return NaN;
  let time = clockAt(text, at, true);
  let end = at + 8;
  if (text[end] === '.') {
    for (let unit = 100; digitAt(text, ++end) >= 0; unit /= 10) {
      if (unit >= 1) time += unit * digitAt(text, end);
    }
  }
  return dateAt(text, year) * dayLength + time - offsetAt(text, end);
}

/** Days since 1970 of the date whose year ends at `year`. */
function dateAt(text: string, year: number): number {
  if (year < 4 || year > 7 || text[year + 3] !== '-') return NaN;
  let y = 0;
  for (let i = 0; i < year; i++) y = 10 * y + digitAt(text, i);
  const month = twoAt(text, year + 1);
  const day = twoAt(text, year + 4);
  if (!(y >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= 31)) return NaN;
  // Years begin in March, so that the leap day is the last of one.
  if (month <= 2) y--;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  return 365 * y + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400) + dayOfYear - 719_468;
}

/** Milliseconds of hh:mm:ss; hh and hh:mm at the text's end, unless seconds must be there. */
function clockAt(text: string, at: number, whole: boolean): number {
  const parts = whole ? 3 : (text.length - at + 1) / 3;
  let time = 0;
  let unit = 3_600_000;
  for (let i = 0; i < parts; i++, unit /= 60) {
    if (i > 0 && text[at + 3 * i - 1] !== ':') return NaN;
    time += unit * twoAt(text, at + 3 * i);
  }
  return time;
}

/** Milliseconds of the zone that the text ends with. */
function offsetAt(text: string, at: number): number {
  const sign = text[at];
  if (sign === undefined || (sign === 'Z' && at + 1 === text.length)) return 0;
  if ((sign !== '+' && sign !== '-') || ![3, 6, 9].includes(text.length - at)) return NaN;
  return (sign === '-' ? -1 : 1) * clockAt(text, at + 1, false);
}

function twoAt(text: string, at: number): number {
  return 10 * digitAt(text, at) + digitAt(text, at + 1);
}

function digitAt(text: string, at: number): number {
  const digit = text.charCodeAt(at) - 48;
  return digit >= 0 && digit <= 9 ? digit : NaN;
}
