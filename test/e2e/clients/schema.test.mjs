// graphql-js rebuilds the schema from introspection; it is the one that
// `tycostream schema` prints.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  buildClientSchema, buildSchema, getIntrospectionQuery, lexicographicSortSchema, printSchema, validateSchema,
} from 'graphql';
import { binary, query, start } from './gateway.mjs';

const sources = `
enums: {side: [buy, sell], trade_state: [open, part_filled, done]}
sources:
  live_pnl:
    graphql_name: livePnL
    primary_key: instrument_id
    columns: {instrument_id: Integer, symbol: String, market_value: Decimal}
  every_type:
    primary_key: [big_one, an_id]
    columns: {big_one: BigInt, an_id: UUID, amount: Decimal, ratio: Float, is_open: Boolean, at: Timestamp, on_day: Date,
      at_time: Time, doc: JSON, list: Array, side: side, state: trade_state, n: {type: Integer, nullable: false}}
`;

const sorted = (schema) => printSchema(lexicographicSortSchema(schema));

for (const naming of ['camelCase', 'database']) {
  for (const scalars of ['typed', 'string']) {
    test(`${naming}, ${scalars}`, async () => {
      const schema = `naming: ${naming}\nscalars: ${scalars}\n${sources}`;
      const gateway = await start(['serve'], { schema, env: { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' } });
      const options = { descriptions: true, inputValueDeprecation: true, specifiedByUrl: true };
      const { data, errors } = await query(gateway, getIntrospectionQuery(options));
      assert.equal(errors, undefined);
      const introspected = buildClientSchema(data);
      assert.deepEqual(validateSchema(introspected), []);

      const dir = mkdtempSync(join(tmpdir(), 'tycostream-schema-'));
      writeFileSync(join(dir, 'schema.yaml'), schema);
      const printed = spawnSync(binary, ['schema'], { cwd: dir, env: {}, encoding: 'utf8' });
      rmSync(dir, { recursive: true });
      assert.equal(printed.status, 0, printed.stderr);
      assert.equal(sorted(introspected), sorted(buildSchema(printed.stdout)));
      assert.equal(await gateway.stop(), 0);
    });
  }
}
