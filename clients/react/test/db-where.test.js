import assert from 'node:assert/strict';
import { test } from 'node:test';
import { and, createCollection, createLiveQueryCollection, eq, gt, gte, ilike, inArray, isNull, isUndefined, like, lower, lt, lte, not, or } from '@tanstack/db';
import { column } from '../../client/test/scripted.js';
import { pushDown } from '../dist/db-where.js';

const source = {
  columns: [
    column('n', 'Integer'), column('f', 'Float'), column('s', 'String'), column('big', 'BigInt'), column('dec', 'Decimal'), column('yes', 'Boolean'),
    column('uuid', 'UUID'), column('day', 'Date'), column('at', 'Timestamp'), column('json', 'JSON'), { ...column('side', 'Side'), enumValues: ['buy', 'sell'] },
  ],
};

/** What TanStack DB asks of a collection for a condition. */
async function asked(condition) {
  const requests = [];
  const collection = createCollection({
    getKey: (row) => row.n,
    syncMode: 'on-demand',
    sync: {
      sync: ({ markReady }) => {
        markReady();
        return { loadSubset: (request) => requests.push(request.where) && true };
      },
    },
  });
  await createLiveQueryCollection((q) => q.from({ row: collection }).where(({ row }) => condition(row))).preload();
  return requests[0];
}

const id = '0c9d1cd5-4bd9-4b8f-8c3b-2a2b9a8b7c6d';
const cases = [
  ['an equal integer', (r) => eq(r.n, 7), { n: { _eq: 7 } }],
  ['the constant first', (r) => gt(7, r.n), { n: { _lt: 7 } }],
  ['a fraction for an integer column', (r) => gt(r.n, 1.5), undefined],
  ['beyond 32 bits', (r) => lt(r.n, 2 ** 31), undefined],
  ['a text for a number', (r) => eq(r.n, '7'), undefined],
  ['null', (r) => eq(r.n, null), undefined],
  ['floats', (r) => gte(r.f, -1.5), { f: { _gte: -1.5 } }],
  ['NaN', (r) => lte(r.f, NaN), undefined],
  ['a text', (r) => eq(r.s, 'ö'), { s: { _eq: 'ö' } }],
  ['a range of texts', (r) => lt(r.s, 'm'), { s: { _lt: 'm' } }],
  ['a range beyond ASCII', (r) => lt(r.s, 'ö'), undefined],
  ['a decimal as text', (r) => eq(r.dec, '1.50'), { dec: { _eq: '1.50' } }],
  ['decimals compared as texts', (r) => gt(r.dec, '9'), undefined],
  ['decimals compared with a number', (r) => gt(r.dec, 9.5), { dec: { _gt: 9.5 } }],
  ['a number with an exponent', (r) => gt(r.dec, 1e-9), undefined],
  ['a big integer', (r) => eq(r.big, '9007199254740993'), { big: { _eq: '9007199254740993' } }],
  ['no big integer', (r) => eq(r.big, '1.5'), undefined],
  ['a boolean', (r) => eq(r.yes, true), { yes: { _eq: true } }],
  ['a uuid', (r) => eq(r.uuid, id), { uuid: { _eq: id } }],
  ['no uuid', (r) => eq(r.uuid, 'x'), undefined],
  ['a day', (r) => gte(r.day, '2026-01-31'), { day: { _gte: '2026-01-31' } }],
  ['no day', (r) => gte(r.day, '2026-13-31'), undefined],
  ['a time', (r) => lt(r.at, '2026-01-31T08:00:00.5Z'), { at: { _lt: '2026-01-31T08:00:00.5Z' } }],
  ['a Date', (r) => lt(r.at, new Date(0)), undefined],
  ['JSON', (r) => eq(r.json, '{}'), undefined],
  ['an enum', (r) => eq(r.side, 'buy'), { side: { _eq: 'buy' } }],
  ['no value of the enum', (r) => eq(r.side, 'hold'), undefined],
  ['a range of an enum', (r) => gt(r.side, 'buy'), undefined],
  ['a list', (r) => inArray(r.n, [1, null, 2]), { n: { _in: [1, 2] } }],
  ['a list of an enum', (r) => inArray(r.side, ['buy', 'hold']), { side: { _in: ['buy'] } }],
  ['a list with something else', (r) => inArray(r.n, [1, 'x']), undefined],
  ['a pattern', (r) => like(r.s, 'A%'), { s: { _like: 'A%' } }],
  ['a pattern with a backslash', (r) => like(r.s, 'A\\%'), undefined],
  ['a pattern with one character', (r) => like(r.s, 'A_'), undefined],
  ['a pattern for numbers', (r) => like(r.dec, '1%'), undefined],
  ['a pattern of any case', (r) => ilike(r.s, '%abc%'), { s: { _ilike: '%abc%' } }],
  ['a pattern of any case beyond ASCII', (r) => ilike(r.s, '%ß%'), undefined],
  ['a null', (r) => isNull(r.s), { s: { _is_null: true } }],
  ['undefined', (r) => isUndefined(r.s), undefined],
  ['a function', (r) => eq(lower(r.s), 'a'), undefined],
  ['a part of JSON', (r) => eq(r.json.a, 1), undefined],
  ['no column', (r) => eq(r.nosuch, 1), undefined],
  ['columns', (r) => eq(r.n, r.f), undefined],
  ['and: what can be', (r) => and(eq(r.n, 1), eq(r.json, 1), eq(r.s, 'a')), { _and: [{ n: { _eq: 1 } }, { s: { _eq: 'a' } }] }],
  ['or: all', (r) => or(eq(r.n, 1), eq(r.s, 'a')), { _or: [{ n: { _eq: 1 } }, { s: { _eq: 'a' } }] }],
  ['or: not all', (r) => or(eq(r.n, 1), eq(r.json, 1)), undefined],
  ['not: exact', (r) => not(or(eq(r.n, 1), like(r.s, 'A%'))), { _not: { _or: [{ n: { _eq: 1 } }, { s: { _like: 'A%' } }] } }],
  ['not: of what the two see differently', (r) => not(eq(r.dec, '1.5')), undefined],
  ['not: of a part', (r) => not(and(eq(r.n, 1), eq(r.json, 1))), undefined],
  ['not: of not', (r) => and(not(not(eq(r.yes, false))), gt(r.dec, 1)), { _and: [{ _not: { _not: { yes: { _eq: false } } } }, { dec: { _gt: 1 } }] }],
];

for (const [what, condition, where] of cases) {
  test(`pushed down: ${what}`, async () => {
    assert.deepEqual(pushDown(await asked(condition), source), where);
  });
}

test('pushed down: no condition', () => {
  assert.equal(pushDown(undefined, source), undefined);
});
