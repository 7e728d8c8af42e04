import assert from 'node:assert/strict';
import { test } from 'node:test';

import { daysOf, millisecondsOf } from '../dist/time.js';

test('timestamps', () => {
  const cases = [
    ['2026-01-02T03:04:05.678Z', Date.UTC(2026, 0, 2, 3, 4, 5, 678)],
    ['2026-01-02T03:04:05Z', Date.UTC(2026, 0, 2, 3, 4, 5)],
    ['2026-01-02T03:04:05', Date.UTC(2026, 0, 2, 3, 4, 5)], // without zone
    ['2026-01-02 03:04:05', Date.UTC(2026, 0, 2, 3, 4, 5)],
    ['2026-01-02T03:04:05.1Z', Date.UTC(2026, 0, 2, 3, 4, 5, 100)],
    ['2026-01-02T03:04:05.999999Z', Date.UTC(2026, 0, 2, 3, 4, 5, 999)],
    ['1969-12-31T23:59:59.999999Z', -1],
    ['2026-01-02T03:04:05+05:30', Date.UTC(2026, 0, 1, 21, 34, 5)],
    ['2026-01-02T03:04:05-03', Date.UTC(2026, 0, 2, 6, 4, 5)],
    ['1880-01-02T03:04:05.5+00:17:30', Date.UTC(1880, 0, 2, 2, 46, 35, 500)],
    ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29)],
    ['2026-01-02T24:00:00Z', Date.UTC(2026, 0, 3)],
    ['0001-01-01T00:00:00Z', -62135596800000],
    ['12026-01-02T03:04:05Z', Date.parse('+012026-01-02T03:04:05Z')],
    ['275760-09-13T00:00:00Z', 8.64e15],
    ['2026-01-02', Date.UTC(2026, 0, 2)],
    ['1767323045678', 1767323045678],
    [1767323045678.9, 1767323045678],
  ];
  for (const [text, expected] of cases) assert.equal(millisecondsOf(text), expected, `${text}`);
});

test('dates', () => {
  const cases = [['1970-01-01', 0], ['1969-12-31', -1], ['2000-02-29', 11016], ['2000-03-01', 11017], ['1900-03-01', -25508], ['12026-01-02', Date.parse('+012026-01-02') / 86_400_000]];
  for (const [text, expected] of cases) assert.equal(daysOf(text), expected, text);
});

test('what is no moment', () => {
  const none = [
    'infinity', '-infinity', '4714-12-31 00:00:00+00 BC', '275760-09-13T00:00:00.001Z', '5874897-12-31T00:00:00Z', '', 'x', '-', 'T', '2026-13-01T00:00:00Z',
    '2026-01-32T00:00:00Z', '2026-00-01T00:00:00Z', '2026-1-01T00:00:00Z', '2026-01-01x00:00:00Z', '2026-01-01T00:00Z', '2026-01-01T00:00:00z',
    '2026-01-01T00:00:00ZZ', '2026-01-01T00:00:00+', '2026-01-01T00:00:00+1', '2026-01-01T00:00:00+01:3', '2026-01-01T00-00-00Z', '0000-01-01T00:00:00Z', 'May 1, 2026',
    null, undefined, true, {}, [], NaN, Infinity, 8.65e15,
  ];
  for (const cell of none) assert.ok(Number.isNaN(millisecondsOf(cell)), String(cell));
  for (const cell of ['infinity', '4714-12-31 BC', '2026-01', '2026-01-02T00:00:00Z', '', 5, null]) assert.ok(Number.isNaN(daysOf(cell)), String(cell));
});

test('as Date has it, over two hundred thousand years', () => {
  for (let i = 0; i < 20_000; i++) {
    const ms = Math.floor(Math.random() * (8.64e15 + 62135596800000)) - 62135596800000;
    const text = new Date(ms).toISOString().replace(/^\+0*/, '');
    assert.equal(millisecondsOf(text), ms, text);
    assert.equal(daysOf(text.slice(0, text.indexOf('T'))), Math.floor(ms / 86_400_000), text);
  }
});
