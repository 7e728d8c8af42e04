import assert from 'node:assert/strict';
import { test } from 'node:test';

import { chips } from '../.build/web/src/live/grid/chips.js';
import { looks, numberFormat, relook } from '../.build/web/src/live/grid/look.js';
import { byNumber, expressions, inWords, numberOf } from '../.build/web/src/live/grid/order.js';
import { profile } from '../.build/web/src/live/grid/sample.js';
import { stateOf, waitingFor } from '../.build/web/src/live/grid/state.js';
import { widths } from '../.build/web/src/live/grid/widths.js';
import { ageText } from '../.build/web/src/live/vitals.js';
import { toVariable } from '../.build/web/src/live/where/variable.js';
import { columns, source } from './schema.js';

const column = (name) => columns.find((c) => c.name === name);
const profiled = (sample) => Object.entries(sample).map(([name, values]) => profile(column(name), values));
const many = (make) => Array.from({ length: 100 }, (_, i) => make(i));

test('what a column is like', () => {
  const { numbers, nulls, count, texts } = profile(column('price'), [1.5, null, -2.25, 1e-7, 3]);
  assert.deepEqual([nulls, count, texts.length, numbers.min, numbers.max], [1, 5, 0, -2.25, 3]);
  assert.equal(numbers.quantile(0.5), 1.5);
  assert.equal(profile(column('price'), many(() => 1.25)).numbers.fraction, 2);
  assert.equal(profile(column('price'), [1e-7]).numbers.fraction, 7);
  assert.equal(profile(column('price'), many((i) => (i === 7 ? 0.123456789 : 1))).numbers.fraction, 0, 'one of a hundred does not count');
  assert.equal(profile(column('price'), []).numbers, undefined);
  assert.equal(profile(column('price'), [null, null]).numbers, undefined);
  const exact = profile(column('size'), ['9007199254740993', '-1']);
  assert.deepEqual([exact.numbers.min, exact.texts.length], [-1, 2]);
  assert.deepEqual(profile(column('symbol'), ['a', 'b', 'b', null]).texts, [{ text: 'b', count: 2 }, { text: 'a', count: 1 }]);
});

test('chips are filters that part of the rows meet', () => {
  const made = chips(profiled({
    id: many((i) => i),
    symbol: many((i) => String.fromCharCode(65 + (i % 20)) + i),
    side: many((i) => (i % 3 === 0 ? 'sell' : 'buy')),
    size: many((i) => i ** 3),
    price: many((i) => (i - 30) / 7),
    open: many((i) => (i % 4 === 0 ? null : i % 2 === 0)),
  }));
  assert.deepEqual(made.map((c) => c.label), ['side = buy', 'open is true', 'symbol like A%', 'price < 0', 'size > 700,000']);
  for (const { where } of made) assert.ok(toVariable(where, source), where);
  assert.deepEqual(made.map((c) => toVariable(c.where, source)), [
    { side: { _eq: 'buy' } }, { open: { _eq: true } }, { symbol: { _like: 'A%' } }, { price: { _lt: '0' } }, { size: { _gt: '700000' } },
  ]);
});

test('no chips of data that give none', () => {
  assert.deepEqual(chips([]), []);
  assert.deepEqual(chips(profiled({ id: [1], symbol: ['A'], price: [1] })), []);
  assert.deepEqual(chips(profiled({ id: many((i) => i), price: many(() => 5), symbol: many(() => 'same') })), []);
  assert.deepEqual(chips(profiled({ symbol: many(() => null), side: many(() => null), price: many(() => null) })), []);
  assert.deepEqual(chips(profiled({ id: many((i) => i - 50) })), [], 'a key is no measure');
  const few = chips(profiled({ symbol: many((i) => ['it\'s "x"', 'b\\'][i % 2]) }));
  assert.deepEqual(few.map((c) => toVariable(c.where, source)), [{ symbol: { _eq: 'it\'s "x"' } }]);
});

test('looks', () => {
  const sample = { id: many((i) => i), symbol: many((i) => `S${i}`), size: many((i) => i ** 3), price: many((i) => i + 0.25), ratio: many((i) => (i - 50) / 3) };
  const found = looks(profiled(sample), new Set(['price', 'ratio', 'size']), false);
  assert.equal(found.symbol.bold, true);
  assert.deepEqual(found.id.number_format, { useGrouping: false, maximumFractionDigits: 0 });
  assert.equal(found.size.fg_mode, 'label-bar');
  assert.equal(found.price.bg_mode, 'pulse');
  assert.equal(found.price.number_format.minimumFractionDigits, 2);
  assert.equal(found.ratio.fg_mode, 'color');
  assert.equal(found.ratio.bg_mode, undefined, 'one column flashes');
  const exact = looks(profiled({ id: [1], size: ['1'], price: ['1.50'] }), new Set(['price']), true);
  assert.deepEqual([exact.size, exact.price], [{ align: 'right' }, { align: 'right' }]);
  const unknown = looks(profiled({ price: [null], size: [] }), new Set(), false);
  assert.deepEqual([unknown.price, unknown.size], [{ fg_mode: 'disabled' }, { fg_mode: 'disabled' }]);
});

test('numbers that name things have no commas', () => {
  const named = (name, type = 'Integer') => numberFormat(profile({ ...column('id'), key: false, name, type }, [12345]));
  for (const name of ['id', 'trade_id', 'tradeId']) assert.equal(named(name).useGrouping, false, name);
  for (const name of ['paid', 'liquid', 'bid', 'quantity']) assert.equal(named(name).useGrouping, undefined, name);
  assert.equal(named('id', 'Decimal').useGrouping, undefined);
});

test('a second look changes what was unknown, and digits that would be cut', () => {
  const digits = (n) => ({ fg_mode: 'color', number_format: { maximumFractionDigits: n } });
  assert.deepEqual(relook({ fg_mode: 'disabled' }, digits(2), false), digits(2));
  assert.deepEqual(relook(digits(2), digits(4), true), { number_format: { maximumFractionDigits: 4 } });
  assert.deepEqual(relook(digits(2), { ...digits(1), fg_mode: 'disabled' }, true), {});
});

test('exact texts are ordered by their numbers', () => {
  const texts = ['price', 'size'];
  const by = (asked, before = []) => byNumber(asked, before, texts);
  const price = numberOf('price');
  assert.deepEqual(by([['price', 'desc']]), [[price, 'desc']]);
  assert.deepEqual(by([['price', 'desc']], [[price, 'desc']]), [[price, 'asc']], 'clicked again');
  assert.deepEqual(by([['price', 'desc']], [[price, 'asc']]), [], 'and again');
  assert.deepEqual(by([['price', 'desc abs']], [[price, 'desc abs']]), [[price, 'asc abs']]);
  assert.deepEqual(by([['symbol', 'desc']], [[price, 'desc']]), [['symbol', 'desc']]);
  assert.deepEqual(by([[price, 'desc'], ['symbol', 'desc']], [[price, 'desc']]), [[price, 'desc'], ['symbol', 'desc']], 'added');
  assert.deepEqual(by([['symbol', 'asc'], [price, 'desc'], ['price', 'desc']], [['symbol', 'asc'], [price, 'desc']]), [['symbol', 'asc'], [price, 'asc']]);
  assert.deepEqual(by([['price', 'asc']]), [[price, 'asc']], 'from the panel');
  assert.deepEqual(by([]), []);
  assert.deepEqual(by([[price, 'asc']], [[price, 'asc']]), [[price, 'asc']], 'our own word');
  assert.deepEqual(expressions(texts), { [price]: 'float("price")', [numberOf('size')]: 'float("size")' });
  assert.equal(inWords([[price, 'desc'], ['symbol', 'asc']], texts), 'price ↓, symbol ↑');
});

test('widths fill the page', () => {
  const wish = (content, stretch = 1) => ({ name: `c${content}`, content, stretch });
  const given = widths([wish(100), wish(200), wish(50, 0)], 1000);
  assert.equal(Object.values(given).reduce((a, b) => a + b), 1000);
  assert.equal(given.c50, 66, 'one that does not stretch');
  assert.ok(given.c200 > given.c100);
  assert.deepEqual(widths([wish(100), wish(200)], 50), { c100: 116, c200: 216 }, 'no room: as wide as the texts');
  assert.equal(widths([wish(5000)], 100).c5000, 420, 'a long text is cut');
  assert.equal(widths([wish(1)], 0).c1, 56);
  assert.deepEqual(widths([], 500), {});
});

test('states', () => {
  const live = { status: 'live', state: 'LIVE', error: undefined };
  const info = { field: 'trades', state: 'LIVE', error: null };
  const of = (l, i = info, connection = 'open', paused = false) => stateOf(l, i, connection, paused, 'why').text;
  assert.equal(of(live), 'live');
  assert.equal(of(live, info, 'open', true), 'paused');
  assert.equal(of({ ...live, status: 'snapshot' }), 'snapshot');
  assert.equal(of({ ...live, status: 'stale' }, info, 'closed'), 'reconnecting');
  assert.equal(of({ ...live, status: 'stale', state: 'STALE' }), 'stale');
  assert.equal(of({ ...live, status: 'stale', state: 'FAILED' }), 'failed');
  assert.equal(of({ ...live, status: 'error' }), 'error');
  assert.equal(of(undefined), 'connecting');
  assert.equal(of(undefined, { ...info, state: 'FAILED', error: 'gone' }), 'failed');
  assert.equal(stateOf({ ...live, status: 'error', error: new Error('it broke') }, info, 'open', false, '').detail, 'it broke');
  assert.match(waitingFor({ ...info, state: 'FAILED', error: 'no such table' }, [info], ''), /^trades has failed: no such table$/);
  assert.match(waitingFor({ ...info, state: 'STARTING' }, [info], ''), /^trades is starting …$/);
  assert.match(waitingFor(undefined, undefined, ''), /Connecting/);
  assert.match(waitingFor(undefined, [], ''), /no sources/);
  assert.match(waitingFor(undefined, [info], ''), /Choose/);
  assert.match(waitingFor(info, [info], 'it broke'), /it broke/);
});

test('ages', () => {
  assert.deepEqual([0, 12.4, 999.4, 1000, 99_949, 150_000].map(ageText), ['0 ms', '12 ms', '999 ms', '1.0 s', '99.9 s', '3 min']);
});
