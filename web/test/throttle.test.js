import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';

import { throttled } from '../src/playground/throttle.js';

// A clock that the test moves; performance.now and setTimeout both follow it.
let now;
beforeEach(() => {
  now = 0;
  mock.timers.enable({ apis: ['setTimeout'] });
  mock.method(performance, 'now', () => now);
});
afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
});

function pass(ms) {
  for (let i = 0; i < ms; i++) {
    now++;
    mock.timers.tick(1);
  }
}

function recorder() {
  const log = [];
  return {
    log,
    next: (r) => log.push([now, r.data, r.extensions.eventsSeen]),
    error: (e) => log.push([now, 'error', e.message]),
    complete: () => log.push([now, 'complete']),
  };
}

test('the first result comes at once', () => {
  const seen = recorder();
  throttled(seen).next({ data: 1 });
  assert.deepEqual(seen.log, [[0, 1, 1]]);
});

test('then the newest, four times a second, with the count of all', () => {
  const seen = recorder();
  const o = throttled(seen);
  for (let i = 1; i <= 1000; i++) {
    o.next({ data: i });
    pass(1);
  }
  assert.deepEqual(seen.log, [[0, 1, 1], [250, 250, 250], [500, 500, 500], [750, 750, 750], [1000, 1000, 1000]]);
});

test('slow results are not held back', () => {
  const seen = recorder();
  const o = throttled(seen, 4);
  o.next({ data: 'a' });
  pass(300);
  o.next({ data: 'b' });
  assert.deepEqual(seen.log, [[0, 'a', 1], [300, 'b', 2]]);
});

test('nothing is shown twice', () => {
  const seen = recorder();
  throttled(seen).next({ data: 1 });
  pass(5000);
  assert.equal(seen.log.length, 1);
});

test('the last result is shown before the end', () => {
  const seen = recorder();
  const o = throttled(seen);
  o.next({ data: 1 });
  o.next({ data: 2 });
  o.complete();
  pass(1000);
  assert.deepEqual(seen.log, [[0, 1, 1], [0, 2, 2], [0, 'complete']]);
});

test('and before an error', () => {
  const seen = recorder();
  const o = throttled(seen);
  o.next({ data: 1 });
  o.next({ data: 2 });
  o.error(new Error('gone'));
  assert.deepEqual(seen.log, [[0, 1, 1], [0, 2, 2], [0, 'error', 'gone']]);
});

test('stop forgets what waits', () => {
  const seen = recorder();
  const o = throttled(seen);
  o.next({ data: 1 });
  o.next({ data: 2 });
  o.stop();
  pass(1000);
  assert.equal(seen.log.length, 1);
});

test("the gateway's own extensions stay", () => {
  let got;
  throttled({ next: (r) => { got = r; } }).next({ data: 1, extensions: { cost: 3 } });
  assert.deepEqual(got, { data: 1, extensions: { cost: 3, eventsSeen: 1 } });
});
