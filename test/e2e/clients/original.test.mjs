// Every client with the TypeScript original's schema.yaml and documents.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { until } from './gateway.mjs';
import { overHTTP } from './over-http.mjs';
import { overWebSocket } from './over-websocket.mjs';
import { Rows } from './rows.mjs';
import { database } from './styles.mjs';
import { table } from './table.mjs';

const trades = {
  field: 'trades',
  key: 'id',
  columns: ['id', 'side', 'quantity'],
  where: { side: { _gt: 'buy' }, quantity: { _gt: 10 } },
  rows: 'subscription ($where: tradesExpression) { trades(where: $where) { operation data { id side quantity } fields } }',
  query: 'query ($where: tradesExpression) { rows: trades(where: $where) { id side quantity } }',
};

async function followsEnum(on) {
  const client = on.open(on.gateway);
  const rows = new Rows(trades);
  if (client.subscribe) {
    client.subscribe(trades.rows, { where: trades.where }, rows);
    await until('a snapshot', () => rows.healthy() && rows.held.size > 0);
    const { size } = rows.held;
    await until('new trades', () => rows.healthy() && rows.held.size > size);
    await rows.same(on.gateway);
  } else {
    for (const row of (await client.request(trades.query, { where: trades.where })).rows) rows.held.set(row.id, row);
  }
  assert.ok(rows.held.size > 0);
  for (const { side, quantity } of rows.held.values()) assert.ok(side === 'sell' && quantity > 10, `${quantity} ${side}`);
}

async function tellsWebhook(on) {
  const told = [];
  const hook = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    told.push(JSON.parse(body));
    response.end();
  }).listen(0, '127.0.0.1');
  await once(hook, 'listening');
  try {
    const client = on.open(on.gateway);
    const { create, remove } = on.style.trigger;
    const name = 'profit';
    const webhook = `http://127.0.0.1:${hook.address().port}/profit`;
    await client.request(create, { input: { name, webhook, fire: { theoretical_pnl: { _gt: 50 } }, clear: { theoretical_pnl: { _lt: 0 } } } });
    const of = (type) => told.find((event) => event.event_type === type);
    await until('FIRE and CLEAR', () => of('FIRE') && of('CLEAR'));
    await client.request(remove, { name });
    for (const event of told) {
      assert.deepEqual(Object.keys(event), ['event_id', 'event_type', 'trigger_name', 'timestamp', 'data']);
      assert.deepEqual(Object.keys(event.data), on.style.columns);
      assert.equal(event.trigger_name, name);
      const { theoretical_pnl: pnl } = event.data;
      assert.ok(event.event_type === 'FIRE' ? pnl > 50 : pnl < 0, `${event.event_type} at ${pnl}`);
    }
  } finally {
    hook.close();
    hook.closeAllConnections();
  }
}

table(database, [...overWebSocket, ...overHTTP], { 'follows an enum': followsEnum, 'tells a webhook': tellsWebhook });
