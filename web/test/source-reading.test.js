import assert from 'node:assert/strict';
import { test } from 'node:test';

import { sourceReading } from '../.build/web/src/live/source-reading.js';

const source = (field, more = {}) => ({ field, rows: 7, changes: 40, lag: 0.5, error: null, state: 'LIVE', ...more });
const read = (sources, selected, away = false) => sourceReading({ value: { get: () => sources }, away }, selected);

test('what the header says of a source that nobody looks at', () => {
  assert.equal(read(undefined), undefined);
  assert.equal(read([]), undefined);
  const sources = [source('a'), source('b', { rows: 8, lag: null, state: 'FAILED', error: 'no key' })];
  assert.deepEqual(read(sources), { rows: 7, received: 40, age: 500, state: ['live', 'live', ''] });
  assert.deepEqual(read(sources, 'b'), { rows: 8, received: 40, age: undefined, state: ['error', 'failed', 'no key'] });
  assert.deepEqual(read(sources, 'gone').rows, 7);
  assert.deepEqual(read(sources, 'a', true).state, ['stale', 'reconnecting', '']);
});
