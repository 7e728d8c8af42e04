import { draw, ids, play, quiet, seeds, text } from './page.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createElement as h } from 'react';
import { renderToString } from 'react-dom/server';
import { TycostreamProvider, useAge, useLiveTable } from '@tycostream/react';
import { scripted, tick, until } from '../../client/test/scripted.js';
import { frames } from '../dist/frames.js';
import { targetOf } from '../dist/shared.js';
import { View } from '../dist/view.js';

const table = (options) => useLiveTable('trades', options);

test('rows are drawn once per frame, and are the same while nothing changes', async (t) => {
  const gateway = await scripted(t);
  const page = draw(t, table, gateway.client);
  page.render({});
  const op = await gateway.operation(0);
  assert.deepEqual([page.last().status, page.last().rows, page.last().age()], ['connecting', [], undefined]);
  op.frame({ kind: 'SNAPSHOT', rows: [[1, '1'], [2, '2']] });
  await until('rows', () => ids(page.last().rows) === '1,2');
  assert.equal(page.last().status, 'live');
  assert.ok(page.last().age() >= 250);
  const { rows: before, byKey } = page.last();
  const times = page.drawn.length;
  for (let i = 0; i < 50; i++) op.frame({ rows: [[1, `${i}`], [3, `${i}`]] });
  await until('rows', () => page.last().rows[0].price === '49');
  assert.equal(ids(page.last().rows), '1,2,3');
  assert.ok(page.drawn.length - times < 30, `${page.drawn.length - times} drawings`);
  assert.deepEqual([before.length, byKey.size], [2, 2], 'arrays and maps are not changed in place');
  assert.equal(page.last().byKey.get('2'), before[1]);
  assert.equal(page.last().byKey.get('3').price, '49');
  const { rows } = page.last();
  page.render({});
  op.frame();
  await tick();
  assert.equal(page.last().rows, rows);
  assert.equal(gateway.operations.length, 1, 'StrictMode and options written in place subscribe once');
});

test('whatever comes, what is drawn is a state that there was, in its order', async (t) => {
  quiet(t);
  const byPrice = (a, b) => b.price - a.price || a.id - b.id;
  for (const seed of seeds) {
    const gateway = await scripted(t);
    const page = draw(t, (order) => [order, useLiveTable('trades', order)], gateway.client);
    const orders = [
      {}, { compare: byPrice }, { sortBy: ['price', { column: 'id', descending: true }] }, { sortBy: { column: 'tags', nulls: 'first' } },
    ];
    page.render(...orders);
    const op = await gateway.operation(0);
    const newest = (order) => page.drawn.findLast(([o]) => o === order)?.[1].rows ?? [];
    const states = await play(op, seed, () => newest(orders[0]));
    assert.equal(gateway.operations.length, 1, 'they share a subscription, whatever their order');
    await tick();
    for (const [order, { rows }] of page.drawn) {
      assert.ok(states.has(text(rows)), `seed ${seed}: ${text(rows)} never was`);
      const sorted = [...rows];
      if (order === orders[1]) sorted.sort(byPrice);
      if (order === orders[2]) sorted.sort((a, b) => a.price - b.price || b.id - a.id);
      if (order === orders[3]) sorted.sort((a, b) => (a._key < b._key ? -1 : 1));
      assert.deepEqual(ids(rows), ids(sorted), `seed ${seed}`);
    }
    for (const order of orders) assert.equal(text(newest(order)), text(newest(orders[0])), `seed ${seed}`);
    page.unmount();
  }
});

test('an order may be written in place, and change', async (t) => {
  quiet(t);
  const gateway = await scripted(t);
  const page = draw(t, ({ sign, by }) => useLiveTable('trades', by ? { sortBy: by } : { compare: sign && ((a, b) => sign * (a.id - b.id)) }), gateway.client);
  page.render({ sign: 1 });
  const op = await gateway.operation(0);
  op.frame({ kind: 'SNAPSHOT', rows: [[2, '9'], [3, '10'], [1, '-1.50']] });
  await until('rows', () => ids(page.last().rows) === '1,2,3');
  const { rows } = page.last();
  const times = page.drawn.length;
  page.render({ sign: 2 });
  await tick();
  assert.equal(page.last().rows, rows, 'the same order, the same array');
  assert.ok(page.drawn.length - times <= 2);
  page.render({ sign: -1 });
  await until('the other order', () => ids(page.last().rows) === '3,2,1');
  op.frame({ rows: [[4, '0']], deletes: [2] });
  await until('rows', () => ids(page.last().rows) === '4,3,1');
  page.render({ sign: 0 });
  await until('no order', () => ids(page.last().rows) === '3,1,4');
  page.render({ by: 'price' });
  await until('decimals', () => ids(page.last().rows) === '1,4,3');
  assert.equal(gateway.operations.length, 1);
});

test('a view that has looked away finds its order again', async (t) => {
  const gateway = await scripted(t);
  const target = targetOf(gateway.client, 'trades', {});
  const [first, second] = [new View(target), new View(target, { sortBy: 'price' })];
  t.after(first.subscribe(() => {}));
  const stop = second.subscribe(() => {});
  const op = await gateway.operation(0);
  op.frame({ kind: 'SNAPSHOT', rows: [[1, '10'], [2, '9']] });
  await until('rows', () => ids(second.get().rows) === '2,1');
  stop();
  op.frame({ rows: [[3, '8']] });
  await until('rows', () => first.get().rows.length === 3);
  op.frame({ rows: [[2, '11']], deletes: [1] });
  await until('rows', () => first.get().rows.length === 2);
  assert.equal(ids(second.get().rows), '3,2');
});

test('components that ask for the same share a subscription; it ends after the last', async (t) => {
  const gateway = await scripted(t);
  const page = draw(t, table, gateway.client);
  page.render({ where: { a: 1, b: 2 }, columns: ['id', 'price'] }, { columns: ['price', 'id'], where: { b: 2, a: 1 } });
  const op = await gateway.operation(0);
  page.render({ where: { b: 2, a: 1 }, columns: ['id', 'price'] });
  op.frame({ kind: 'SNAPSHOT', rows: [[1, '1']] });
  await until('rows', () => ids(page.last().rows) === '1');
  assert.deepEqual([gateway.operations.length, op.completed], [1, false]);
  page.unmount();
  await tick();
  assert.equal(op.completed, false, 'it lingers');
  const again = draw(t, table, gateway.client);
  again.render({ where: { b: 2, a: 1 }, columns: ['id', 'price'] });
  await tick();
  assert.equal(ids(again.drawn[0].rows), '1', 'what lingers is there at once');
  again.unmount();
  await until('the end', () => op.completed);
  assert.equal(gateway.operations.length, 1);
});

test('rows stay while another filter loads, and when it is refused', async (t) => {
  const gateway = await scripted(t);
  const page = draw(t, table, gateway.client);
  page.render({ where: { a: 1 } });
  (await gateway.operation(0)).frame({ kind: 'SNAPSHOT', rows: [[1, '1']] });
  await until('rows', () => ids(page.last().rows) === '1');
  const from = page.drawn.length;
  page.render({ where: { a: 2 } });
  const second = await gateway.operation(1);
  await tick();
  assert.deepEqual([ids(page.last().rows), page.last().byKey.size, page.last().isPlaceholder], ['1', 1, true]);
  second.frame({ kind: 'SNAPSHOT', rows: [[2, '2']] });
  await until('rows', () => ids(page.last().rows) === '2');
  assert.equal(page.last().isPlaceholder, false);
  assert.ok(page.drawn.slice(from).every((d) => d.rows.length === 1), 'no empty table between them');
  page.render({ where: { a: 'x' } });
  (await gateway.operation(2)).fail('BAD_USER_INPUT', 'no number');
  await until('the error', () => page.last().status === 'error');
  assert.deepEqual([ids(page.last().rows), page.last().isPlaceholder, page.last().error.message], ['2', true, 'no number']);
  page.render({ where: { a: 2 }, columns: ['id'] });
  await gateway.operation(3);
  assert.deepEqual([page.last().rows, page.last().isPlaceholder], [[], false], 'rows of another shape do not stay');
});

test('rows of another client do not stay', async (t) => {
  const [one, two] = [await scripted(t), await scripted(t)];
  const page = draw(t, table, one.client);
  page.render({});
  (await one.operation(0)).frame({ kind: 'SNAPSHOT', rows: [[1, '1']] });
  await until('rows', () => ids(page.last().rows) === '1');
  page.client = two.client;
  page.render({});
  const op = await two.operation(0);
  assert.deepEqual([page.last().rows, page.last().isPlaceholder], [[], false]);
  op.frame({ kind: 'SNAPSHOT', rows: [[2, '2']] });
  await until('rows', () => ids(page.last().rows) === '2');
  await until('the end of the other', () => one.operations[0].completed);
});

test('an error ends it; retry begins again, with the difference', async (t) => {
  const gateway = await scripted(t);
  const page = draw(t, table, gateway.client);
  page.render({}, {});
  (await gateway.operation(0)).frame({ kind: 'SNAPSHOT', rows: [[1, '1'], [2, '2']] });
  await until('rows', () => ids(page.last().rows) === '1,2');
  page.last().retry();
  gateway.operations[0].fail('FORBIDDEN', 'no more');
  await until('the error', () => page.last().status === 'error');
  assert.deepEqual([ids(page.last().rows), page.last().error.message, gateway.operations.length], ['1,2', 'no more', 1]);
  page.last().retry();
  const op = await gateway.operation(1);
  await until('another try', () => page.last().status === 'connecting');
  assert.deepEqual([ids(page.last().rows), page.last().error], ['1,2', undefined]);
  op.frame({ kind: 'SNAPSHOT', rows: [[2, '2'], [3, '3']] });
  await until('rows', () => ids(page.last().rows) === '2,3');
  op.fail('FORBIDDEN', 'no more');
  await until('the error', () => page.last().status === 'error');
  page.unmount();
  const again = draw(t, table, gateway.client);
  again.render({});
  await gateway.operation(2);
  assert.equal(again.last().status, 'connecting', 'whoever comes next tries again');
});

test('nothing is followed unless it is enabled', async (t) => {
  const gateway = await scripted(t);
  const page = draw(t, table, gateway.client);
  page.render({ enabled: false });
  await until('a drawing', () => page.drawn.length > 0);
  assert.deepEqual([page.last().status, page.last().rows, page.last().age()], ['idle', [], undefined]);
  page.last().retry();
  page.render({ enabled: true });
  (await gateway.operation(0)).frame({ kind: 'SNAPSHOT', rows: [[1, '1']] });
  await until('rows', () => ids(page.last().rows) === '1');
  page.render({ enabled: false });
  await until('the end', () => gateway.operations[0].completed);
  assert.deepEqual([page.last().status, page.last().rows, page.last().isPlaceholder], ['idle', [], false]);
  assert.equal(gateway.operations.length, 1);
});

test('what comes in flight of an unmount harms nobody', async (t) => {
  quiet(t);
  const gateway = await scripted(t);
  const page = draw(t, table, gateway.client);
  page.render({});
  const op = await gateway.operation(0);
  op.frame({ kind: 'SNAPSHOT', rows: [[1, '1']] });
  await until('rows', () => ids(page.last().rows) === '1');
  const times = page.drawn.length;
  op.frame({ rows: [[2, '2']] });
  page.unmount();
  op.frame({ rows: [[3, '3']] });
  await until('the end', () => op.completed);
  op.frame({ rows: [[4, '4']] });
  await tick();
  assert.equal(page.drawn.length, times);
});

for (const [what, frames] of [['hidden pages, which have no frames', () => 0], ['where there are no frames at all', undefined]]) {
  test(what, async (t) => {
    const { requestAnimationFrame } = globalThis;
    globalThis.requestAnimationFrame = frames;
    t.after(() => { globalThis.requestAnimationFrame = requestAnimationFrame; });
    const gateway = await scripted(t);
    const page = draw(t, table, gateway.client);
    page.render({});
    const op = await gateway.operation(0);
    op.frame({ kind: 'SNAPSHOT', rows: [[1, '1']] });
    await until('rows', () => ids(page.last().rows) === '1');
    for (let i = 0; i < 20; i++) op.frame({ rows: [[2, `${i}`]] });
    await until('rows', () => page.last().rows[1]?.price === '19');
  });
}

test('one drawing fails, the others go on', async (t) => {
  const thrown = [];
  const { queueMicrotask } = globalThis;
  t.mock.method(globalThis, 'queueMicrotask', (call) => queueMicrotask(() => {
    try {
      call();
    } catch (error) {
      thrown.push(error.message); // as uncaught, if it were not caught here
    }
  }));
  const drawn = [];
  const never = () => drawn.push('never');
  frames.ask(() => { throw new Error('no'); });
  frames.ask(never);
  const once = () => drawn.push('once');
  frames.ask(once);
  frames.ask(once);
  frames.drop(never);
  await until('the frame', () => drawn.length > 0);
  await tick();
  assert.deepEqual(drawn, ['once']);
  assert.deepEqual(thrown, ['no']);
});

test('the age is drawn', async (t) => {
  const gateway = await scripted(t);
  const page = draw(t, () => useAge(useLiveTable('trades'), 5), gateway.client);
  page.render({});
  (await gateway.operation(0)).frame({ kind: 'SNAPSHOT' });
  await until('an age', () => page.last() >= 250);
  const first = page.last();
  await until('a greater one', () => page.last() > first);
});

test('on a server it connects to nothing', async (t) => {
  const gateway = await scripted(t);
  const Show = () => {
    const { status, rows } = useLiveTable('trades');
    return `${status} ${rows.length}`;
  };
  assert.equal(renderToString(h(TycostreamProvider, { client: gateway.client }, h(Show))), 'connecting 0');
  await tick();
  assert.deepEqual([gateway.requests.length, gateway.sockets.length], [0, 0]);
  assert.throws(() => renderToString(h(Show)), /TycostreamProvider/);
  const Given = () => useLiveTable('trades', { client: gateway.client }).status;
  assert.equal(renderToString(h(Given)), 'connecting');
});
