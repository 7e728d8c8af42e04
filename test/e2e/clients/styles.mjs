// The two styles of names: schema.yaml and documents of each.

import { readFileSync } from 'node:fs';

/** The repository's schema, and documents of its API. */
export const camelCase = {
  name: 'camelCase',
  schema: readFileSync(new URL('../../../schema.yaml', import.meta.url), 'utf8'),
  source: 'live_pnl',
  field: 'livePnL',
  key: '_key',
  id: 'instrumentId',
  columns: ['instrumentId', 'symbol', 'netPosition', 'latestPrice', 'theoreticalPnl'],
  where: { theoreticalPnl: { _gt: '0' }, symbol: { _is_null: false } },
  rows: /* GraphQL */ `
    subscription Rows($where: LivePnLExpression) {
      livePnL(where: $where) {
        operation
        fields
        timestamp
        data { _key instrumentId symbol netPosition latestPrice theoreticalPnl }
      }
    }`,
  frames: /* GraphQL */ `
    subscription Frames($where: LivePnLExpression) {
      livePnLChanges(where: $where) {
        kind
        last
        changes { operation fields data { _key instrumentId symbol netPosition latestPrice theoreticalPnl } }
      }
    }`,
  framesField: 'livePnLChanges',
  query: /* GraphQL */ `
    query All($where: LivePnLExpression) {
      rows: livePnL(where: $where) { _key instrumentId symbol netPosition latestPrice theoreticalPnl }
    }`,
  one: 'query One($key: Int!) { one: livePnLByPk(instrumentId: $key) { instrumentId symbol } }',
  unknown: '{ livePnL(where: {nosuch: {_eq: 1}}) { __typename } }',
  trigger: {
    fire: { latestPrice: { _gt: '1000000000' } },
    create: 'mutation ($input: LivePnLTriggerInput!) { trigger: createLivePnLTrigger(input: $input) { name webhook fire clear } }',
    get: 'query ($name: String!) { trigger: livePnLTrigger(name: $name) { name } all: livePnLTriggers { name fire } }',
    remove: 'mutation ($name: String!) { trigger: deleteLivePnLTrigger(name: $name) { name } }',
  },
};

/** The TypeScript original's whole format, and documents as its users wrote them. */
export const database = {
  name: 'database',
  schema: `
enums:
  side: [buy, sell]
sources:
  live_pnl:
    primary_key: instrument_id
    columns:
      instrument_id: Integer
      symbol: String
      net_position: Integer
      latest_price: Float
      theoretical_pnl: Float
  trades:
    primary_key: id
    columns: {id: Integer, instrument_id: Integer, side: side, quantity: Integer, price: Float, executed_at: Timestamp}
`,
  source: 'live_pnl',
  field: 'live_pnl',
  key: 'instrument_id',
  id: 'instrument_id',
  columns: ['instrument_id', 'symbol', 'net_position', 'latest_price', 'theoretical_pnl'],
  where: { theoretical_pnl: { _gt: 0 }, symbol: { _is_null: false } },
  rows: /* GraphQL */ `
    subscription Rows($where: live_pnlExpression) {
      live_pnl(where: $where) {
        operation
        data { instrument_id symbol net_position latest_price theoretical_pnl }
        fields
      }
    }`,
  frames: /* GraphQL */ `
    subscription Frames($where: live_pnlExpression) {
      live_pnl_changes(where: $where) {
        kind
        last
        changes { operation data { instrument_id symbol net_position latest_price theoretical_pnl } fields }
      }
    }`,
  framesField: 'live_pnl_changes',
  query: /* GraphQL */ `
    query All($where: live_pnlExpression) {
      rows: live_pnl(where: $where) { instrument_id symbol net_position latest_price theoretical_pnl }
    }`,
  one: 'query One($key: Int!) { one: live_pnl_by_pk(instrument_id: $key) { instrument_id symbol } }',
  unknown: '{ live_pnl(where: {nosuch: {_eq: 1}}) { __typename } }',
  trigger: {
    fire: { latest_price: { _gt: 1000000000 } },
    create: 'mutation ($input: live_pnlTriggerInput!) { trigger: create_live_pnl_trigger(input: $input) { name webhook fire clear } }',
    get: 'query ($name: String!) { trigger: live_pnl_trigger(name: $name) { name } all: live_pnl_triggers { name fire } }',
    remove: 'mutation ($name: String!) { trigger: delete_live_pnl_trigger(name: $name) { name } }',
  },
};
