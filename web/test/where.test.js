import assert from 'node:assert/strict';
import { test } from 'node:test';

import { tokens } from '../.build/web/src/live/where/lexer.js';
import { Mistake, parse } from '../.build/web/src/live/where/parser.js';
import { exact, toVariable } from '../.build/web/src/live/where/variable.js';
import { source } from './schema.js';

const read = (text) => toVariable(text, source);

test('tokens', () => {
  const kinds = (text) => tokens(text).map((t) => `${t.kind[0]}:${t.text}`);
  assert.deepEqual(kinds('{a: {_gt: -1.5e3}}'), ['p:{', 'n:a', 'p::', 'p:{', 'n:_gt', 'p::', 'n:-1.5e3', 'p:}', 'p:}']);
  assert.deepEqual(kinds(' ,, # all of it\n a '), ['n:a']);
  assert.deepEqual(kinds('"a\\"b" """c"d"""'), ['s:"a\\"b"', 's:"""c"d"""']);
  assert.deepEqual(kinds('1a'), ['m:1a']);
  assert.deepEqual(kinds('01'), ['m:01']);
  assert.deepEqual(kinds('$a'), ['m:$a']);
  assert.deepEqual(kinds('"a'), ['m:"a']);
  for (const { text, start, end } of tokens('{ a : "b" , [1] }')) assert.equal('{ a : "b" , [1] }'.slice(start, end), text);
});

test('strings', () => {
  for (const [written, meant] of [
    ['"plain"', 'plain'],
    ['"a\\"b\\\\c\\/d"', 'a"b\\c/d'],
    ['"\\n\\t\\b\\f\\r"', '\n\t\b\f\r'],
    ['"\\u00e9\\u{1F600}\\uD83D\\uDE00"', 'é😀😀'],
    ['"""a"b\\"""c\\n"""', 'a"b"""c\\n'],
    ['""', ''],
  ]) assert.deepEqual(read(`{symbol: {_eq: ${written}}}`), { symbol: { _eq: meant } }, written);
});

test('values', () => {
  for (const [written, meant] of [
    ['', undefined],
    ['  # nothing', undefined],
    ['{}', {}],
    ['{symbol: {_like: "A%"}}', { symbol: { _like: 'A%' } }],
    ['symbol: {_like: "A%"} side: {_eq: buy}', { symbol: { _like: 'A%' }, side: { _eq: 'buy' } }],
    ['{"symbol": {"_in": ["A", "B"]}}', { symbol: { _in: ['A', 'B'] } }],
    ['{side: {_in: [buy, sell]}}', { side: { _in: ['buy', 'sell'] } }],
    ['{side: {_is_null: false}}', { side: { _is_null: false } }],
    ['{open: {_eq: true}}', { open: { _eq: true } }],
    ['{symbol: {_eq: null}}', { symbol: { _eq: null } }],
    ['{_or: [{id: {_gt: 1}}, {_not: {id: {_lt: -2}}}]}', { _or: [{ id: { _gt: 1 } }, { _not: { id: { _lt: -2 } } }] }],
    ['{_and: {id: {_eq: 1}}}', { _and: [{ id: { _eq: 1 } }] }],
    ['{extra: {_contains: {a: [1, {b: null}]}}}', { extra: { _contains: { a: [1, { b: null }] } } }],
    ['{nobody: {_eq: x}}', { nobody: { _eq: 'x' } }], // the gateway says that there is no such column
  ]) assert.deepEqual(read(written), meant, written);
});

test('no digit is lost', () => {
  for (const [written, meant] of [
    ['{size: {_gt: 9007199254740993}}', '9007199254740993'],
    ['{size: {_gt: 1}}', '1'],
    ['{price: {_gt: 0.1000000000000000000000000001}}', '0.1000000000000000000000000001'],
    ['{price: {_gt: 1.50}}', '1.50'],
    ['{id: {_gt: 7}}', 7],
    ['{id: {_gt: 9007199254740993}}', '9007199254740993'],
    ['{ratio: {_gt: 0.1}}', 0.1],
    ['{ratio: {_gt: 0.10000000000000000001}}', 0.1],
    ['{ratio: {_gt: 1e3}}', 1000],
  ]) assert.deepEqual(Object.values(read(written))[0]._gt, meant, written);
  assert.deepEqual(read('{size: {_in: [1, 18446744073709551615]}}'), { size: { _in: ['1', '18446744073709551615'] } });
  assert.throws(() => read('{extra: {_contains: {a: 9007199254740993}}}'), /more digits/);
  assert.throws(() => read('{ratio: {_gt: 1e999}}'), /more digits/);
});

test('exact', () => {
  for (const text of ['0', '-0', '0.0', '1', '1200', '1.2e3', '12E2', '0.00012', '1e-7', '123456789012', '-1.50', '9007199254740992', '1e21', '1e22']) {
    assert.ok(exact(text), text);
  }
  for (const text of ['9007199254740993', '0.1000000000000000055', '1e400', '1.00000000000000000001']) assert.ok(!exact(text), text);
});

test('mistakes say what and where', () => {
  for (const [text, message, place] of [
    ['{symbol: {_eq: AAPL}}', /text stands in quotes: "AAPL"/, 'AAPL'],
    ['{symbol: }', /a value is missing, here is }/, '}'],
    ['{symbol {', /a : is missing after symbol/, '{'],
    ['{symbol: {_eq: "a"}', /a } is missing/, ''],
    ['{symbol: {_in: ["a"', /a ] is missing/, ''],
    ['{symbol: {_eq: "a}}', /does not end/, '"a}}'],
    ['{symbol: {_eq: $a}}', /\$a is no value/, '$a'],
    ['{symbol: {_eq: "\\x"}}', /\\x means nothing/, '"\\x"}}'],
    ['{symbol: {_eq: "\\u12"}}', /four digits/, '"\\u12"}}'],
    ['{} {}', /nothing may follow/, '{'],
    ['{a: {_eq: 1}, a: {_eq: 2}}', /a stands twice/, 'a'],
    ['{id: {_eq: 1, _eq: 2}}', /_eq stands twice/, '_eq'],
    ['{: 1}', /a name is expected/, ':'],
    ['42', /begins with \{/, '42'],
    ['{_and: [1]}', /stands in braces/, '1'],
    ['{_not: 3}', /stands in braces/, '3'],
  ]) {
    assert.throws(() => read(text), (error) => {
      assert.ok(error instanceof Mistake, text);
      assert.match(error.message, message, text);
      assert.equal(text.slice(error.start, error.end), place, text);
      return true;
    }, text);
  }
});

test('what is odd but right is read', () => {
  assert.equal(parse('{a:{b:[[1],{}]}}').fields[0].value.fields[0].value.items.length, 2);
  assert.equal(parse('\uFEFF{a: 1}').fields.length, 1);
});
