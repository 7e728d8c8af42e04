// Every type of column, through the real engine and back.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import perspective from '@perspective-dev/client';
import { connect } from '@tycostream/perspective';

import { ArrowWriter } from '../dist/arrow.js';
import { diceOf } from './dice.js';
import { column, connected, FakeClient, sourceOf } from './fake.js';

const all = sourceOf(
  column('id', 'Integer', true), column('big', 'BigInt'), column('ratio', 'Float'), column('price', 'Decimal'), column('name', 'String'),
  column('uuid', 'UUID'), column('open', 'Boolean'), column('at', 'Timestamp'), column('day', 'Date'), column('hour', 'Time'),
  column('doc', 'JSON'), column('list', 'Array'), column('side', 'side'),
);
const of = (id, cells) => ({ _key: `${id}`, id, ...cells });

test('each type becomes its own', async (t) => {
  const uuid = '0b5e3c1e-0000-4000-8000-000000000000';
  const name = 'é€😀 "x",\n';
  const cells = {
    big: '9007199254740993', ratio: 0.1, price: '12.50', name, uuid, open: true, at: '2026-01-02T03:04:05.678901Z', day: '2026-01-02',
    hour: '03:04:05.5', doc: { a: [1, null] }, list: ['x', 'y'], side: 'buy',
  };
  const { things, rows, exact } = await connected(t, { source: all, rows: [of(1, cells), of(2), of(3, { open: false, name: '', doc: 'text', ratio: -0.5 })] });
  assert.deepEqual(await things.table.schema(), {
    id: 'integer', big: 'integer', ratio: 'float', price: 'float', name: 'string', uuid: 'string', open: 'boolean', at: 'datetime', day: 'date',
    hour: 'string', doc: 'string', list: 'string', side: 'string',
  });
  const empty = Object.fromEntries(all.columns.map((c) => [c.name, null]));
  assert.deepEqual(await rows(), [
    {
      id: 1, big: 9007199254740992, ratio: 0.1, price: 12.5, name, uuid, open: true, at: Date.UTC(2026, 0, 2, 3, 4, 5, 678), day: Date.UTC(2026, 0, 2),
      hour: '03:04:05.5', doc: '{"a":[1,null]}', list: '["x","y"]', side: 'buy',
    },
    { ...empty, id: 2 },
    { ...empty, id: 3, open: false, name: '', doc: 'text', ratio: -0.5 },
  ]);
  assert.equal((await exact('big'))[0], '9007199254740993'); // what rounded it is the reading as numbers
  assert.equal(things.stats.refused, 0);
});

test('64-bit integers are exact, as keys too', async (t) => {
  const source = sourceOf(column('id', 'BigInt', true), column('big', 'BigInt'));
  const values = [
    '-9223372036854775808', '-9223372036854775807', '-9007199254740993', '-9007199254740992', '-4294967297', '-4294967296', '-2147483649', '-1', '0', '1',
    '2147483648', '4294967295', '4294967296', '9007199254740991', '9007199254740992', '9007199254740993', '9223372036854775806', '9223372036854775807',
  ];
  const rows = values.map((id) => ({ _key: id, id, big: id }));
  const { live, things, exact } = await connected(t, { source, rows });
  assert.equal(await things.table.get_index(), 'id');
  assert.deepEqual(await exact('id'), values); // in the order of numbers
  assert.deepEqual(await exact('big'), values);
  live.batch(values.map((id) => ({ _key: id, id, big: values[0] })));
  await things.flush();
  assert.deepEqual(await exact('big'), values.map(() => values[0]));
  for (const [i, id] of values.entries()) {
    live.batch([], [{ _key: id, id }]);
    await things.flush();
    assert.deepEqual(await exact('id'), values.slice(i + 1));
  }
});

test('what a type cannot hold is null, counted, and takes nothing else with it', async (t) => {
  const bad = {
    big: ['9223372036854775808', '-9223372036854775809', '18446744073709551615', '1.5', 'x', '', true],
    ratio: ['NaN', {}, '', Infinity], price: ['NaN', 'Infinity', '-Infinity', '1e999', 'x'], open: ['true', 1, 0],
    at: ['infinity', '-infinity', '0044-03-15 00:00:00+00 BC', '294276-12-31T23:59:59Z'], day: ['infinity', '0044-03-15 BC', 5],
  };
  const good = { big: '5', ratio: 1.5, price: '2.5', open: true, at: '1970-01-01T00:00:00Z', day: '1970-01-01', name: 'n' };
  const cases = Object.entries(bad).flatMap(([name, cells]) => cells.map((cell) => [name, cell]));
  const { things, columns } = await connected(t, { source: all, rows: cases.map(([name, cell], i) => of(i, { ...good, [name]: cell })) });
  const shown = await columns();
  const expected = { big: 5, ratio: 1.5, price: 2.5, open: true, at: 0, day: 0, name: 'n' };
  for (const name of Object.keys(expected)) {
    assert.deepEqual(shown[name], cases.map(([n]) => (n === name ? null : expected[name])), name);
  }
  assert.equal(things.stats.refused, cases.length);
});

test('numbers as the reader wants them', async (t) => {
  const cells = { big: '18446744073709551615', price: '0.10000000000000000001' };
  const text = await connected(t, { source: all, rows: [of(1, cells)], decimals: 'string', bigints: 'string', columns: ['big', 'price'] });
  assert.deepEqual(await text.rows(), [{ _key: '1', ...cells }]);
  const float = await connected(t, { source: all, rows: [of(1, cells)], bigints: 'number', columns: ['big', 'price'] });
  assert.deepEqual(await float.rows(), [{ _key: '1', big: 2 ** 64, price: 0.1 }]);
  const types = { big: 'datetime', price: 'string', day: 'datetime', at: 'date', id: 'float' };
  const single = await connected(t, { source: all, rows: [of(1, { ...cells, big: '1767323045678', day: '2026-01-02', at: '2026-01-02T23:59:59Z' })], types });
  const [row] = await single.rows();
  assert.equal(row.big, 1767323045678);
  assert.equal(row.price, cells.price);
  assert.equal(row.day, Date.UTC(2026, 0, 2));
});

test('numbers travel as text where their text is to be seen', async (t) => {
  const price = sourceOf(column('id', 'Integer', true), column('price', 'Decimal'));
  const big = sourceOf(column('id', 'BigInt', true), column('name', 'String'));
  const cases = [
    [price, {}, 'NUMBER'], [price, { decimals: 'string' }, 'EXACT'], [price, { types: { price: 'string' } }, 'EXACT'],
    [price, { decimals: 'string', types: { price: 'float' } }, 'NUMBER'], [price, { decimals: 'string', columns: ['id'] }, 'NUMBER'],
    [big, {}, 'NUMBER', ['id']], [big, { bigints: 'string' }, 'EXACT'], [big, { bigints: 'number' }, 'NUMBER'], [big, { columns: ['name'] }, 'NUMBER'],
  ];
  for (const [source, options, expected, integers = []] of cases) {
    const { live } = await connected(t, { source, ...options });
    assert.equal(live.options.numbers, expected, `${source.columns[0].type} ${JSON.stringify(options)}`);
    assert.deepEqual(live.options.exactIntegers, integers);
  }
  const client = new FakeClient(price);
  client.away = true; // nobody knows the columns yet
  const connecting = connect(client, 'things', { perspective, name: 'away' });
  const live = await client.live(0);
  assert.equal(live.options.numbers, 'EXACT');
  live.snapshot([of(1, { price: '1.5' })]);
  const things = await connecting;
  t.after(() => things.close());
  void things.setWhere(undefined);
  assert.equal(client.opened[1].options.numbers, 'NUMBER');
  const { rows } = await connected(t, { source: price, rows: [of(1, { price: 1.5 })] });
  assert.deepEqual(await rows(), [{ id: 1, price: 1.5 }]);
});

test('integers that were too large for numbers once come as text from then on', async (t) => {
  const source = sourceOf(column('id', 'BigInt', true));
  const { client, live, things, exact } = await connected(t, { source, rows: [{ _key: '7', id: 7 }, { _key: '8', id: 8 }] });
  assert.deepEqual(await exact('id'), ['7', '8']);
  live.numbers = 'EXACT'; // the client has asked anew
  live.snapshot([{ _key: '8', id: '8' }, { _key: '9007199254740993', id: '9007199254740993' }]);
  live.batch([], [{ _key: '8', id: '8' }]);
  await things.flush();
  assert.deepEqual(await exact('id'), ['9007199254740993']);
  for (let i = 1; i < 3; i++) {
    void things.setWhere(undefined);
    assert.equal(client.opened[i].options.numbers, 'EXACT');
    client.opened[i].snapshot([{ _key: '9', id: '9' }]);
  }
});

test('the index is the key column, or _key', async (t) => {
  const key = (...types) => types.map((type, i) => column(`k${i}`, type, true));
  const cases = [
    [key('Integer'), { k0: 1 }, 'k0'], [key('BigInt'), { k0: '1' }, 'k0'], [key('String'), { k0: '1' }, 'k0'], [key('UUID'), { k0: '1' }, 'k0'],
    [key('side'), { k0: '1' }, 'k0'], [key('Time'), { k0: '1' }, 'k0'], [key('Decimal'), { k0: '1.50' }, '_key'], [key('Float'), { k0: 1 }, '_key'],
    [key('Boolean'), { k0: true }, '_key'], [key('Timestamp'), { k0: '1970-01-01T00:00:00.0001Z' }, '_key'], [key('Date'), { k0: '1970-01-01' }, '_key'],
    [key('Integer', 'String'), { k0: 1, k1: 'x' }, '_key'], [key('Integer'), { k0: 1 }, '_key', { columns: ['name'] }],
    [key('Integer'), { k0: 1 }, '_key', { columns: ['_key', 'name'] }], [key('BigInt'), { k0: '1' }, '_key', { bigints: 'number' }],
    [key('BigInt'), { k0: '18446744073709551615' }, 'k0', { bigints: 'string' }], [key('Decimal'), { k0: '1.50' }, 'k0', { types: { k0: 'string' } }],
  ];
  for (const [keys, cells, index, options] of cases) {
    const source = sourceOf(...keys, column('name', 'String'));
    const [one, two] = [{ _key: 'one', ...cells, name: 'a' }, { _key: 'two', k0: null, k1: null, name: 'b' }];
    const what = `${keys.map((k) => k.type)} ${JSON.stringify(options ?? {})}`;
    const { live, things, columns } = await connected(t, { source, rows: [one], ...options });
    assert.equal(await things.table.get_index(), index, what);
    assert.deepEqual(things.columns, options?.columns ?? source.columns.map((c) => c.name), what);
    live.batch([{ ...one, name: 'c' }, ...(index === '_key' ? [two] : [])]);
    await things.flush();
    assert.deepEqual((await columns()).name, index === '_key' ? ['c', 'b'] : ['c'], what);
    live.batch([], [one]);
    await things.flush();
    assert.deepEqual((await columns()).name, index === '_key' ? ['b'] : [], what);
  }
});

test('a key that is beyond its type ends it with a remedy', async (t) => {
  const source = sourceOf(column('id', 'BigInt', true));
  const { live, things, columns } = await connected(t, { source, rows: [{ _key: '1', id: '1' }] });
  const big = { _key: '9223372036854775808', id: '9223372036854775808' };
  live.batch([big, { _key: '2', id: '2' }]);
  await things.flush();
  assert.equal(things.status, 'error');
  assert.equal(things.error.code, 'KEY_OUT_OF_RANGE');
  assert.match(things.error.message, /types: \{id: 'string'\}/);
  assert.deepEqual(await columns(), { id: [1] });
  assert.equal(live.closed, true);
  const client = new FakeClient(source);
  const connecting = connect(client, 'things', { perspective, name: 'mended', types: { id: 'string' } });
  (await client.live(0)).snapshot([big]);
  const mended = await connecting;
  await mended.ready;
  assert.equal(mended.stats.size, 1);
  await mended.close();
});

test('a table of very many columns', async (t) => {
  const source = sourceOf(column('id', 'Integer', true), ...Array.from({ length: 600 }, (_, i) => column(`column_${'x'.repeat(i % 60)}_${i}`, all.columns[i % 13].type)));
  const { things, rows } = await connected(t, { source, rows: [of(1, { column__0: 5 })] });
  assert.equal(Object.keys(await things.table.schema()).length, 601);
  assert.equal((await rows())[0].column__0, 5);
});

test('any cells, any number of rows, as the engine reads them', async (t) => {
  const dice = diceOf(t);
  const pick = (...from) => from[dice(from.length)];
  const whole = (limit) => dice(2 * limit) - limit;
  const makers = {
    integer: () => whole(2 ** 31),
    int64: () => BigInt.asIntN(64, BigInt(whole(2 ** 53)) * BigInt(whole(2 ** pick(1, 30, 53)))).toString(),
    float: () => pick(whole(1e6) / 7, dice(1e9) * 1e290, -1e-300, 0),
    boolean: () => dice(2) === 0,
    datetime: () => new Date(whole(6e13)).toISOString(),
    date: () => new Date(whole(6e13)).toISOString().slice(0, 10),
    string: () => String.fromCodePoint(...Array.from({ length: pick(0, 1, 5, 20) }, () => pick(97 + dice(26), 0xe9, 0x20ac, 0x1f600))),
  };
  const read = { datetime: Date.parse, date: Date.parse, int64: Number };
  const fields = [{ name: 'n', kind: 'integer' }, ...Object.keys(makers).map((kind) => ({ name: kind, kind }))];
  const writer = new ArrowWriter(fields);
  const table = await perspective.table(writer.empty(), { index: 'n', name: 'any cells' });
  const view = await table.view();
  const bigs = await table.view({ columns: ['int64'] });
  t.after(async () => {
    await view.delete();
    await bigs.delete();
    await table.delete();
  });
  for (const length of [0, 1, 2, 7, 8, 9, 63, 64, 65, 500, ...Array.from({ length: 30 }, () => dice(256))]) {
    const nulls = pick(0, 0.1, 1);
    const columns = Object.values(makers).map((make) => Array.from({ length }, () => (dice(1000) < 1000 * nulls ? null : make())));
    await table.replace(writer.write([Array.from({ length }, (_, i) => i), ...columns], length).stream);
    const shown = await view.to_columns();
    const exact = (await bigs.to_csv()).split('\n').slice(1, -1);
    Object.keys(makers).forEach((kind, i) => {
      assert.deepEqual(shown[kind], columns[i].map((cell) => (cell === null ? null : (read[kind] ?? ((c) => c))(cell))), `${kind}, ${length} rows`);
      if (kind === 'int64') assert.deepEqual(exact, columns[i].map((cell) => cell ?? ''));
    });
  }
});
