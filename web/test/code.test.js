import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

import { buildSchema, parse, validate, valueFromAST } from 'graphql';

import { samples } from '../.build/web/src/live/code/code.js';
import { whereLiteral } from '../.build/web/src/live/code/literal.js';
import { toVariable } from '../.build/web/src/live/where/variable.js';
import { source } from './schema.js';

const filters = [
  '{symbol: {_like: "A%"}}',
  '{side: {_in: [buy, sell]}, size: {_gt: 9007199254740993}}',
  '{_or: [{symbol: {_eq: "it\'s \\"quoted\\" \\\\ `so` $HOME\\n"}}, {_not: {open: {_is_null: true}}}]}',
  '{price: {_lte: -0.10}, ratio: {_gt: 1e-7}}',
];

const schema = buildSchema(`
  scalar BigInt scalar Decimal scalar JSON
  enum side { buy sell }
  input IntC { _eq: Int, _gt: Int } input StringC { _eq: String, _like: String } input SideC { _in: [side!] }
  input BigIntC { _gt: BigInt } input DecimalC { _lte: Decimal } input FloatC { _gt: Float } input BooleanC { _is_null: Boolean }
  input JSONC { _contains: JSON }
  input TradesExpression {
    id: IntC, symbol: StringC, side: SideC, size: BigIntC, price: DecimalC, ratio: FloatC, open: BooleanC, extra: JSONC
    _and: [TradesExpression!], _or: [TradesExpression!], _not: TradesExpression
  }
  type Row { id: Int symbol: String }
  type Update { operation: String data: Row fields: [String] timestamp: String }
  type Frame { kind: String last: Boolean timestamp: String cursor: String state: String changes: [Update] }
  type Query { a: Int }
  type Subscription { trades(where: TradesExpression): Update tradesChanges(where: TradesExpression): Frame }
`);

const request = (where) => ({ source, where, columns: ['id', 'symbol'], url: 'http://localhost:4000/graphql' });
const write = (id, where) => samples.find((s) => s.id === id).write(request(where));

test('a literal means what its variable does', () => {
  for (const text of filters) {
    const where = toVariable(text, source);
    const literal = whereLiteral(where, source);
    assert.deepEqual(toVariable(literal, source), where, literal);
    const { definitions } = parse(`{ a(where: ${literal}) }`);
    const value = valueFromAST(definitions[0].selectionSet.selections[0].arguments[0].value, schema.getType('TradesExpression'));
    assert.deepEqual(JSON.parse(JSON.stringify(value)), where, literal);
  }
});

test('GraphQL is valid', () => {
  for (const text of ['', ...filters, '{extra: {_contains: {plain: 1}}}']) {
    const document = write('graphql', toVariable(text, source));
    assert.deepEqual(validate(schema, parse(document)), [], document);
  }
});

test('a filter that no literal can hold stands in a variable', () => {
  const document = write('graphql', toVariable('{"extra": {"_contains": {"two words": 1}}}', source));
  assert.deepEqual(validate(schema, parse(document)), [], document);
  assert.match(document, /^# Variables: \{"where":\{"extra":\{"_contains":\{"two words":1\}\}\}\}\n/);
});

test('a shell hands curl what was meant', () => {
  for (const text of filters) {
    const where = toVariable(text, source);
    const printed = execFileSync('sh', ['-c', `curl() { printf '%s\\0' "$@"; }\n${write('curl', where)}`], { encoding: 'utf8' });
    const args = printed.split('\0');
    assert.equal(args[1], 'http://localhost:4000/graphql');
    const body = JSON.parse(args[args.indexOf('-d') + 1]);
    assert.deepEqual(body.variables, { where });
    assert.deepEqual(validate(schema, parse(body.query)), []);
  }
});

test('names follow the schema', () => {
  const named = { ...request({ id: { _eq: 1 } }), source: { ...source, naming: 'database' } };
  for (const id of ['curl', 'go']) assert.match(samples.find((s) => s.id === id).write(named), /trades_changes/);
});

test('TypeScript is JavaScript with the filter in it', async () => {
  for (const text of filters) {
    const where = toVariable(text, source);
    const code = write('typescript', where);
    const options = /liveRows\((\{[^]*?\n\})\);/.exec(code)[1];
    assert.deepEqual(new Function(`return ${options}`)(), { source: 'trades', where, columns: ['id', 'symbol'] });
    assert.match(code, /'ws:\/\/localhost:4000\/graphql'/);
  }
});
