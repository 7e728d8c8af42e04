// Sources of every kind in the grid: keys of two columns and beyond a double,
// nothing in them, everything in them, and very many rows.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { openBrowser, picture } from './browser.js';
import { buildGateway, serve, until } from './gateway.js';
import { grid, postgres } from './grid.js';

const schema = `
naming: database
scalars: typed
enums: {side: [buy, sell]}
sources:
  orders: {primary_key: id}
  pairs: {primary_key: [base, quote]}
  nothing: {primary_key: id}
  many: {primary_key: id}
  missing: {primary_key: id, columns: {id: Integer}, required: false}
`;

const tables = [
  `CREATE TABLE pairs (base text, quote text, rate numeric, note text, doc jsonb, list int[], day date, PRIMARY KEY (base, quote))`,
  `INSERT INTO pairs SELECT 'C' || i, 'D' || i % 7, i / 7.0, repeat('a very long note ', i), jsonb_build_object('i', i), ARRAY[i, i + 1], date '2026-01-01' + i FROM generate_series(1, 60) i`,
  `CREATE TABLE nothing (id int PRIMARY KEY, amount numeric, name text)`,
  `CREATE TABLE many (id int PRIMARY KEY, name text, a float8, b float8, c int)`,
  `INSERT INTO many SELECT i, md5(i::text), random() * 1000, random() - 0.5, i % 1000 FROM generate_series(1, 100000) i`,
];

test('sources of every kind', { timeout: 300_000 }, async (t) => {
  const binary = buildGateway(t);
  const database = await postgres(t, 500);
  for (const sql of tables) await database.ask(`sql ${sql}`);
  const { origin } = await serve(t, binary, schema, { DATABASE_URL: database.url, DATABASE_ENGINE: 'postgres', TYCOSTREAM_HEARTBEAT: '500ms' });
  const context = await openBrowser(t, { width: 1280, height: 720 });
  const g = await grid(context, origin, '/#grid/orders');
  const { page } = g;
  const picker = page.getByRole('combobox', { name: 'Source' });
  const choose = async (name, rows) => {
    await picker.selectOption(name);
    await until(`${rows} rows of ${name}`, async () => (await g.config()).title === name && (await g.size()) === rows && !(await page.locator('.veil:not(.over)').isVisible()));
  };
  const keysStay = async (columns, by) => {
    await g.heading(by).click();
    await page.getByText(`sorted by ${by}`).waitFor();
    await until('the order is on', async () => (await g.config()).sort.length === 1);
    const key = async () => (await g.rows()).map((row) => columns.map((c) => row[c]).join());
    await new Promise((resolve) => setTimeout(resolve, 500));
    const before = await key();
    await g.button('Keep order').click();
    await page.getByText(`kept as it was, by ${by}`).waitFor();
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.deepEqual(await key(), before);
    await g.button('Keep order').click();
  };

  await t.test('keys beyond a double', async () => {
    await choose('orders', 500);
    for (const exact of [false, true]) {
      if (exact) await g.button('Exact').click();
      await until('keys', async () => (await g.rows()).length > 10 && (await g.table(['id'])).id.every((id) => typeof id === (exact ? 'string' : 'number')));
      await keysStay(exact ? ['id'] : ['symbol'], 'symbol');
    }
    await g.button('Exact').click();
  });

  await t.test('a key of two columns, long texts, documents', async () => {
    await choose('pairs', 60);
    await picture(page, 'grid pairs');
    const row = (await g.rows()).find((r) => r.base === 'C3');
    assert.equal(row.doc, '{"i":3}');
    assert.equal(row.list, '[3,4]');
    assert.equal(Object.keys(row).includes('_key'), false);
    await keysStay(['base', 'quote'], 'rate');
    await database.ask(`sql UPDATE pairs SET rate = 99999 WHERE base = 'C60'`);
    await until('the newest rate', async () => (await g.table(['rate'])).rate.includes(99999));
    await g.where('{doc: {_contains: {i: 7}}}');
    await until('one', async () => (await g.size()) === 1);
  });

  await t.test('nothing, and then something', async () => {
    await choose('nothing', 0);
    assert.equal(await g.box.inputValue(), ''); // another source's filter is gone
    await page.getByText('No rows yet.').waitFor();
    await picture(page, 'grid nothing');
    await database.ask(`sql INSERT INTO nothing SELECT i, 100000 * i - 1334567.25, chr(64 + i % 20) || i FROM generate_series(1, 40) i`);
    await until('rows', async () => (await g.rows()).length > 10);
    await page.getByText('No rows yet.').waitFor({ state: 'hidden' });
    await until('groups of three', async () => (await g.column('amount')).includes('-1,234,567.25'));
    await page.locator('.chip').first().waitFor(); // examples come with the data
  });

  await t.test('a hundred thousand rows', async (t) => {
    const start = Date.now();
    await choose('many', 100_000);
    await until('rows', async () => (await g.column('id'))[0] === '1');
    t.diagnostic(`100,000 rows on screen after ${Date.now() - start} ms`);
    await keysStay(['id'], 'a');
    await g.scroll(90_000);
    assert.ok((await g.rows()).length > 15);
    await g.where('{c: {_eq: 7}}');
    await until('a hundred', async () => (await g.size()) === 100);
    await g.where('');
    await until('all', async () => (await g.size()) === 100_000);
  });

  await t.test('one source after the other in haste', async () => {
    for (const exact of [true, false]) {
      for (const wait of [0, 5, 20, 40, 60, 80, 100, 150, 200, 300]) {
        for (const name of ['pairs', 'many', 'orders']) {
          await picker.selectOption(name);
          await new Promise((resolve) => setTimeout(resolve, wait));
        }
      }
      await g.button('Exact').click();
      await choose('orders', 500);
      await until('rows', async () => (await g.table(['id'])).id.every((id) => typeof id === (exact ? 'string' : 'number')));
    }
    await until('the others have no subscriber', async () => {
      const answer = await fetch(`${origin}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"query":"{ sources { name subscribers } }"}' });
      const { data } = await answer.json();
      return data.sources.every(({ name, subscribers }) => subscribers === (name === 'orders' ? 1 : 0));
    });
  });

  await t.test('a source that has failed says why', async () => {
    await picker.selectOption('missing');
    await page.locator('.veil').getByText(/missing/).waitFor();
    await until('words of the gateway', async () => /missing.*: .+/s.test(await page.locator('.veil').innerText()));
    await picture(page, 'grid failed');
    await choose('orders', 500);
  });

  assert.deepEqual(g.problems, []);
});
