import './dom.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createElement as h, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { renderToString } from 'react-dom/server';
import { TycostreamProvider, useLiveRow, useLiveTable } from '@tycostream/react';
import { scripted, tick, until } from '../../client/test/scripted.js';

/** Renders, and says what each drawing got. */
function draw(t, gateway, use) {
  const root = createRoot(document.createElement('div'));
  const drawn = [];
  const Show = ({ options }) => {
    drawn.push(use(options));
    return null;
  };
  const render = (...given) => root.render(h(StrictMode, null,
    h(TycostreamProvider, { client: gateway.client }, ...given.map((options, i) => h(Show, { options, key: i })))));
  t.after(() => root.unmount());
  return { render, drawn, last: () => drawn.at(-1), unmount: () => root.unmount() };
}

const table = (options) => useLiveTable('trades', options);
const ids = ({ rows }) => rows.map((r) => r.id).join();

test('rows are drawn once per frame, and are the same while nothing changes', async (t) => {
  const gateway = await scripted(t);
  const page = draw(t, gateway, table);
  page.render({});
  const op = await gateway.operation(0);
  assert.deepEqual([page.last().status, page.last().rows], ['connecting', []]);
  op.frame({ kind: 'SNAPSHOT', rows: [[1, '1'], [2, '2']] });
  await until('rows', () => ids(page.last()) === '1,2');
  assert.equal(page.last().status, 'live');
  assert.ok(page.last().age() >= 250);
  const before = page.last().rows;
  const times = page.drawn.length;
  for (let i = 0; i < 50; i++) op.frame({ rows: [[1, `${i}`], [3, `${i}`]] });
  await until('rows', () => page.last().rows[0].price === '49');
  assert.equal(ids(page.last()), '1,2,3');
  assert.ok(page.drawn.length - times < 30, `${page.drawn.length - times} drawings`);
  assert.equal(before.length, 2, 'arrays are not changed in place');
  const { rows } = page.last();
  page.render({});
  op.frame();
  await tick();
  assert.equal(page.last().rows, rows);
  assert.equal(gateway.operations.length, 1, 'StrictMode and options written in place subscribe once');
});

test('components that ask for the same share a subscription; it ends after the last', async (t) => {
  const gateway = await scripted(t);
  const page = draw(t, gateway, table);
  page.render({ where: { a: 1, b: 2 } }, { where: { b: 2, a: 1 } });
  const op = await gateway.operation(0);
  page.render({ where: { b: 2, a: 1 } });
  await tick();
  assert.deepEqual([gateway.operations.length, op.completed], [1, false]);
  page.unmount();
  await tick();
  assert.equal(op.completed, false, 'it lingers');
  await until('the end', () => op.completed);
});

test('rows stay while another filter loads, and when it is refused', async (t) => {
  const gateway = await scripted(t);
  const page = draw(t, gateway, table);
  page.render({ where: { a: 1 } });
  (await gateway.operation(0)).frame({ kind: 'SNAPSHOT', rows: [[1, '1']] });
  await until('rows', () => ids(page.last()) === '1');
  page.render({ where: { a: 2 } });
  const second = await gateway.operation(1);
  await tick();
  assert.deepEqual([ids(page.last()), page.last().isPlaceholder], ['1', true]);
  second.frame({ kind: 'SNAPSHOT', rows: [[2, '2']] });
  await until('rows', () => ids(page.last()) === '2');
  assert.equal(page.last().isPlaceholder, false);
  assert.ok(page.drawn.every((d) => d.rows.length === 1 || d === page.drawn[0] || d.status === 'connecting'));
  page.render({ where: { a: 'x' } });
  (await gateway.operation(2)).fail('BAD_USER_INPUT', 'no number');
  await until('the error', () => page.last().status === 'error');
  assert.deepEqual([ids(page.last()), page.last().isPlaceholder, page.last().error.message], ['2', true, 'no number']);
});

test('one row', async (t) => {
  const gateway = await scripted(t);
  const page = draw(t, gateway, (key) => useLiveRow('trades', key));
  page.render({ id: 7 });
  const op = await gateway.operation(0);
  assert.deepEqual(op.payload.variables.where, { id: { _eq: 7 } });
  op.frame({ kind: 'SNAPSHOT', rows: [[7, '1']] });
  await until('it', () => page.last().row?.price === '1');
  op.frame({ deletes: [7] });
  await until('it', () => page.last().row === undefined);
  assert.equal(page.last().status, 'live');
  page.render({ id: 8 });
  await gateway.operation(1);
  assert.equal(page.last().row, undefined);
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
});
