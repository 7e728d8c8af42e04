import assert from 'node:assert/strict';
import { test } from 'node:test';

import { complete } from '../.build/web/src/live/where/complete.js';
import { toVariable } from '../.build/web/src/live/where/variable.js';
import { schema, source } from './schema.js';

const seen = (column) => (column === 'symbol' ? ['AAPL', 'A "B"', 'MSFT'] : column === 'id' ? ['7'] : []);

// at completes at the | of a text.
function at(text) {
  const cursor = text.indexOf('|');
  return complete(text.replace('|', ''), cursor, schema, seen);
}
const labels = (text) => at(text).suggestions.map((s) => s.label);

// pick takes the suggestion of a label and marks the cursor.
function pick(text, label) {
  const { from, to, suggestions } = at(text);
  const { insert, caret } = suggestions.find((s) => s.label === label);
  const whole = text.replace('|', '');
  const done = whole.slice(0, from) + insert + whole.slice(to);
  return `${done.slice(0, from + caret)}|${done.slice(from + caret)}`;
}

const everything = [...source.columns.map((c) => c.name), '_and', '_or', '_not'];

test('what may stand where', () => {
  for (const [text, expected] of [
    ['|', everything],
    ['{|', everything],
    ['{|}', everything],
    ['{s|', ['symbol', 'side', 'size', '_and', '_or', '_not'].filter((n) => n.includes('s'))],
    ['{SY|', ['symbol']],
    ['{rat|', ['ratio']],
    ['{symbol|', ['symbol']],
    ['{symbol: |', ['{}']],
    ['{symbol: {|', ['_eq', '_neq', '_gt', '_in', '_is_null', '_like']],
    ['{symbol: {_l|', ['_like']],
    ['{side: {_eq: |', ['buy', 'sell']],
    ['{side: {_eq: s|', ['sell']],
    ['{side: {_eq: "|', []],
    ['{side: {_in: |', ['[]']],
    ['{side: {_in: [buy, |', ['buy', 'sell']],
    ['{side: {_is_null: |', ['true', 'false']],
    ['{open: {_eq: t|', ['true']],
    ['{symbol: {_eq: |', ['AAPL', 'A "B"', 'MSFT']],
    ['{symbol: {_eq: "M|', ['MSFT']],
    ['{symbol: {_eq: "M|"}}', ['MSFT']],
    ['{id: {_eq: |', ['7']],
    ['{_and: |', ['[{}]']],
    ['{_or: [|', ['{}']],
    ['{_or: [{|', everything],
    ['{_or: [{symbol: {_like: "A%"}}, {|', everything],
    ['{_not: {|', everything],
    ['{symbol: {_like: "A%"}, |', everything],
    ['{symbol: {_like: "A%"} |', everything],
    ['{symbol: {_like: "A%", |', ['_eq', '_neq', '_gt', '_in', '_is_null', '_like']],
    ['symbol: {|', ['_eq', '_neq', '_gt', '_in', '_is_null', '_like']],
    ['{symbol |', []],
    ['{nobody: {|', []],
    ['{symbol: {_nothing: |', []],
    ['{extra: {_contains: {|', []],
    ['{symbol: {_like: "A%"}} |', []],
    ['{symbol: {_eq: $|', []],
  ]) assert.deepEqual(labels(text), expected, text);
});

test('nothing is offered that stands there already', () => {
  assert.deepEqual(labels('{side: {_eq: buy|}}'), []);
  assert.deepEqual(labels('{open: {_eq: true|}}'), []);
});

test('what is picked can be gone on with', () => {
  for (const [text, label, expected] of [
    ['|', 'symbol', '{symbol: {|}}'],
    ['{|}', 'symbol', '{symbol: {|}}'],
    ['{sy|}', 'symbol', '{symbol: {|}}'],
    ['{sy|: {_eq: "A"}}', 'symbol', '{symbol|: {_eq: "A"}}'],
    ['{s|ym: {_eq: "A"}}', 'symbol', '{symbol|: {_eq: "A"}}'],
    ['{symbol: {|}}', '_eq', '{symbol: {_eq: "|"}}'],
    ['{symbol: {|}}', '_in', '{symbol: {_in: [|]}}'],
    ['{id: {|}}', '_gt', '{id: {_gt: |}}'],
    ['{id: {|}}', '_is_null', '{id: {_is_null: |}}'],
    ['{symbol: {_eq: "|"}}', 'AAPL', '{symbol: {_eq: "AAPL"|}}'],
    ['{symbol: {_eq: |}}', 'A "B"', '{symbol: {_eq: "A \\"B\\""|}}'],
    ['{symbol: {_eq: "A|', 'AAPL', '{symbol: {_eq: "AAPL"|'],
    ['{side: {_eq: b|}}', 'buy', '{side: {_eq: buy|}}'],
    ['{|}', '_or', '{_or: [{|}]}'],
    ['{|}', '_not', '{_not: {|}}'],
    ['{_and: |}', '[{}]', '{_and: [{|}]}'],
  ]) assert.equal(pick(text, label), expected, text);
});

test('a filter can be made of suggestions alone', () => {
  let text = pick('|', '_or');
  text = pick(text, 'symbol');
  text = pick(text, '_like');
  text = text.replace('|', 'A%|').replace('|"}}', '"}}, {|}').replace('{|}}', '{|}');
  text = pick(text, 'side');
  text = pick(text, '_in');
  text = pick(text, 'buy').replace('|', ', |');
  text = pick(text, 'sell');
  assert.deepEqual(toVariable(text.replace('|', ''), source), {
    _or: [{ symbol: { _like: 'A%' } }, { side: { _in: ['buy', 'sell'] } }],
  });
});

test('no text makes it fail', () => {
  const text = '{_or: [{symbol: {_like: "A%\\n", _in: ["a", "b"]}}, {_not: {side: {_eq: buy}}}], size: {_gt: 1.5}}';
  for (let from = 0; from < text.length; from += 3) {
    for (let cursor = from; cursor <= text.length; cursor++) complete(text.slice(from), cursor - from, schema, seen);
  }
});
