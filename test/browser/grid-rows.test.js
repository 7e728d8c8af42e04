// What the grid shows is what the database holds, cell by cell: after thousands
// of inserts, updates and deletes a second, and a gateway killed among them.
// GRID_SECONDS (10) says for how long.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { openBrowser, picture } from './browser.js';
import { buildGateway, serve, until } from './gateway.js';
import { grid, postgres } from './grid.js';

const seconds = Number(process.env.GRID_SECONDS ?? 10);
const rate = 5000;
const columns = ['id', 'symbol', 'side', 'quantity', 'price', 'total', 'ratio', 'open', 'at'];
const schema = `
naming: camelCase
enums: {side: [buy, sell]}
sources:
  orders:
    primary_key: id
    columns: {id: BigInt, symbol: String, side: side, quantity: BigInt, price: Decimal, total: Decimal, ratio: Float, open: Boolean, at: Timestamp}
`;

// A moment as the gateway writes it: no more digits than there are.
const moment = (text) => text.replace(/\.?0+Z$/, 'Z');
// A double's text as JavaScript writes it.
const double = (text) => (text === null ? null : String(Number(text)));

test('the grid is the database', { timeout: (60 + 6 * seconds) * 1000 + 120_000 }, async (t) => {
  const binary = buildGateway(t);
  const database = await postgres(t, 10_000);
  const env = { DATABASE_URL: database.url, DATABASE_ENGINE: 'postgres', TYCOSTREAM_HEARTBEAT: '500ms' };
  const gateway = await serve(t, binary, schema, env);
  const context = await openBrowser(t, { width: 1600, height: 900 });

  const dump = async () => (await database.ask('dump')).rows;

  // settled waits until the newest change is in the table.
  const settled = async (g, count) => {
    const mark = `mark ${count}`;
    await database.ask(`sql UPDATE orders SET symbol = '${mark}' WHERE id = (SELECT min(id) FROM orders)`);
    await until('the last change', async () => (await g.table(['symbol'])).symbol.includes(mark), 60);
  };

  // compare holds the whole table, and what is seen at many places, against the database.
  const compare = async (g, exact) => {
    const rows = await dump();
    const found = await g.table(['id', ...columns.slice(1)]);
    const ids = exact ? found.id : (await g.table(['id'], 'to_csv')).trim().split('\n').slice(1).map((line) => line.replaceAll('"', ''));
    assert.equal(ids.length, rows.length);
    const at = new Map(ids.map((id, i) => [id, i]));
    assert.equal(at.size, ids.length, 'a key stands twice');
    for (const row of rows) {
      const i = at.get(row[0]);
      assert.notEqual(i, undefined, `row ${row[0]} is missing`);
      const got = columns.map((c) => (c === 'id' ? row[0] : found[c][i]));
      assert.deepEqual(got, exact ? exactly(row) : roughly(row), `row ${row[0]}`);
    }
    if (!exact) return;
    const byId = new Map(rows.map((row) => [row[0], exactly(row)]));
    for (let place = 0; place < rows.length; place += Math.ceil(rows.length / 12)) {
      await g.scroll(place);
      const seen = await g.rows();
      assert.ok(seen.length > 20, `${seen.length} rows are seen at ${place}`);
      for (const row of seen) {
        const cells = byId.get(row.id);
        assert.ok(cells, `row ${row.id} is seen and not there`);
        // "-" stands for null, as a pseudo-element: its text is empty.
        assert.deepEqual(columns.map((c) => row[c]), cells.map((c) => (c === null ? '' : String(c))), `row ${row.id} as it is seen`);
      }
    }
    await g.scroll(0);
  };
  const exactly = ([id, symbol, side, quantity, price, total, ratio, open, at]) =>
    [id, symbol, side, quantity, price, total, double(ratio), open === null ? null : open === 'true', moment(at)];
  const roughly = ([id, symbol, side, quantity, price, total, ratio, open, at]) =>
    [id, symbol, side, Number(quantity), Number(price), total === null ? null : Number(total), ratio === null ? null : Number(ratio),
      open === null ? null : open === 'true', Date.parse(at.replace(/\d{3}Z$/, 'Z'))];

  for (const exact of [true, false]) {
    await t.test(exact ? 'with exact digits' : 'with numbers', async () => {
      const g = await grid(context, gateway.origin);
      await g.is('live');
      if (exact) {
        await g.button('Exact').click();
        await until('texts', async () => (await g.rows())[0]?.price.includes('.') && typeof (await g.table(['price'])).price[0] === 'string');
      }
      const { changes } = await database.ask(`run ${rate} ${seconds}s`);
      assert.equal(changes, rate * seconds);
      await settled(g, `${exact}`);
      await picture(g.page, exact ? 'grid exact' : 'grid numbers');
      await compare(g, exact);
      assert.deepEqual(g.problems, []);
      await g.page.close();
    });
  }

  await t.test('with a gateway that is killed meanwhile', async () => {
    const g = await grid(context, gateway.origin);
    await g.is('live');
    await g.button('Exact').click();
    await until('texts', async () => typeof (await g.table(['price'])).price[0] === 'string');
    const running = database.ask(`run 1000 ${seconds}s`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await gateway.kill();
    await g.is('reconnecting');
    await serve(t, binary, schema, { ...env, GRAPHQL_PORT: new URL(gateway.origin).port });
    await g.is('live');
    await running;
    await settled(g, 'killed');
    await compare(g, true);
    await g.page.close();
  });
});
