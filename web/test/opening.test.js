import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parse, validate, buildSchema } from 'graphql';

import { openingTabs, subscriptionOf } from '../src/playground/opening.js';

const column = (databaseName, name = databaseName, key = false) => ({ databaseName, name, key });

const livePnL = {
  name: 'live_pnl',
  field: 'livePnL',
  typePrefix: 'LivePnL',
  columns: [
    column('instrument_id', 'instrumentId', true), column('symbol'), column('net_position', 'netPosition'),
    column('latest_price', 'latestPrice'), column('market_value', 'marketValue'),
    column('avg_cost_basis', 'avgCostBasis'), column('theoretical_pnl', 'theoreticalPnl'),
  ],
};

const fieldsOf = (document) => parse(document).definitions[0].selectionSet.selections[0].selectionSet.selections
  .find((s) => s.name.value === 'data').selectionSet.selections.map((s) => s.name.value);

test('livePnL opens with its favourite columns', () => {
  const [tab] = openingTabs([livePnL]);
  assert.match(tab.query, /subscription LivePnL \{\n  livePnL \{\n    operation\n    data \{/);
  assert.deepEqual(fieldsOf(tab.query), ['instrumentId', 'symbol', 'latestPrice', 'marketValue', 'theoreticalPnl']);
});

test('names follow the schema', () => {
  const source = { ...livePnL, field: 'live_pnl', typePrefix: 'live_pnl', columns: livePnL.columns.map((c) => ({ ...c, name: c.databaseName })) };
  assert.match(subscriptionOf(source), /subscription Live_pnl \{\n  live_pnl \{/);
  assert.deepEqual(fieldsOf(subscriptionOf(source)), ['instrument_id', 'symbol', 'latest_price', 'market_value', 'theoretical_pnl']);
});

test('a live_pnl with other columns is a source like any other', () => {
  const source = { ...livePnL, columns: [column('total'), column('desk', 'desk', true)] };
  assert.deepEqual(fieldsOf(subscriptionOf(source)), ['desk', 'total']);
});

for (const [name, keys, others, want] of [
  ['the key comes first, then four more', 1, 8, ['k0', 'c0', 'c1', 'c2', 'c3']],
  ['a key of two columns', 2, 8, ['k0', 'k1', 'c0', 'c1', 'c2']],
  ['a long key still shows a value', 6, 2, ['k0', 'k1', 'k2', 'k3', 'k4', 'k5', 'c0']],
  ['nothing but a key', 1, 0, ['k0']],
]) {
  test(name, () => {
    const columns = [
      ...Array.from({ length: others }, (_, i) => column(`c${i}`)),
      ...Array.from({ length: keys }, (_, i) => column(`k${i}`, `k${i}`, true)),
    ];
    assert.deepEqual(fieldsOf(subscriptionOf({ name: 'trades', field: 'trades', typePrefix: 'trades', columns })), want);
  });
}

test('live_pnl is preferred, else the first source whose columns are known', () => {
  const late = { name: 'late', field: 'late', typePrefix: 'Late', columns: [] };
  const trades = { name: 'trades', field: 'trades', typePrefix: 'Trades', columns: [column('id', 'id', true)] };
  assert.match(openingTabs([late, trades, livePnL])[0].query, /livePnL/);
  assert.match(openingTabs([late, trades])[0].query, /trades/);
});

test('without a source it asks for the sources', () => {
  for (const sources of [[], [{ name: 'late', field: 'late', typePrefix: 'Late', columns: [] }]]) {
    const tabs = openingTabs(sources);
    assert.equal(tabs.length, 1);
    assert.match(tabs[0].query, /query Sources/);
  }
});

test('every document is valid', () => {
  const schema = buildSchema(`
    type Query { sources: [Source!]! }
    type Source { name: String! field: String! state: String! error: String rows: Int! subscribers: Int! lag: Float asOf: String }
    type Subscription { livePnL: Update! }
    type Update { operation: String! data: Row fields: [String!]! timestamp: String! }
    type Row { ${livePnL.columns.map((c) => `${c.name}: String`).join(' ')} }`);
  for (const { query } of [...openingTabs([livePnL]), ...openingTabs([])]) {
    assert.deepEqual(validate(schema, parse(query)), [], query);
  }
});
