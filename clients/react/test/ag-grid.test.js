import { dice, ids, play, quiet, seeds, text } from './page.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bindAgGrid, getRowId } from '@tycostream/react/ag-grid';
import { scripted, tick, until } from '../../client/test/scripted.js';

const { AllCommunityModule, createGrid, ModuleRegistry } = await import('ag-grid-community'); // it looks for a page as it is loaded
ModuleRegistry.registerModules([AllCommunityModule]);

/** A real grid, and what it shows. It complains on the console about rows that it does not find. */
function grid(t, options = {}) {
  quiet(t);
  const element = document.createElement('div');
  document.body.append(element);
  const api = createGrid(element, { columnDefs: [{ field: 'id' }, { field: 'price' }], getRowId, asyncTransactionWaitMillis: 5, ...options });
  t.after(() => {
    api.destroy();
    element.remove();
  });
  const rows = () => {
    const all = [];
    api.forEachNode((node) => all.push(node.data));
    return all;
  };
  return { api, rows };
}

test('whatever comes', async (t) => {
  for (const seed of seeds) {
    const gateway = await scripted(t);
    const { api, rows } = grid(t);
    const seen = [];
    api.addEventListener('asyncTransactionsFlushed', () => seen.push(text(rows())));
    const bound = bindAgGrid(api, gateway.client, { source: 'trades' });
    const op = await gateway.operation(0);
    const states = await play(op, seed, rows);
    for (const state of seen) assert.ok(states.has(state), `seed ${seed}: ${state} never was`);
    await bound.ready;
    bound.close();
    await until('the end', () => op.completed);
  }
});

test('the first snapshot replaces what the grid held; the end of the grid ends it', async (t) => {
  const gateway = await scripted(t);
  const { api, rows } = grid(t, { rowData: [{ _key: '1', id: 1, price: 'old' }, { _key: '9', id: 9, price: 'old' }] });
  const bound = bindAgGrid(api, gateway.client, { source: 'trades', columns: ['id', 'price'] });
  const told = [];
  const stop = bound.onStatus(({ status }) => told.push(status));
  const op = await gateway.operation(0);
  op.frame({ kind: 'SNAPSHOT', last: false, state: 'STARTING', columns: ['id', 'price'] });
  await until('news', () => told.length > 0);
  assert.equal(ids(rows()), '1,9');
  op.frame({ kind: 'SNAPSHOT', rows: [[1, '1'], [2, '2']], columns: ['id', 'price'] });
  await bound.ready;
  assert.equal(text(rows()), '[[1,"1"],[2,"2"]]');
  assert.deepEqual([told, bound.status, bound.state, bound.source.field, bound.error], [['snapshot', 'live'], 'live', 'LIVE', 'trades', undefined]);
  assert.ok(bound.age() >= 250 && bound.asOf instanceof Date);
  stop();
  api.destroy();
  await until('the end', () => op.completed);
  assert.equal(await bound.setWhere({}), false);
  assert.equal(told.length, 2);
});

test('another filter: the difference, when it is complete', async (t) => {
  const gateway = await scripted(t);
  const { api, rows } = grid(t);
  const bound = bindAgGrid(api, gateway.client, { source: 'trades', where: { a: 1 } });
  (await gateway.operation(0)).frame({ kind: 'SNAPSHOT', rows: [[1, '1'], [2, '2']] });
  await bound.ready;
  const overtaken = bound.setWhere({ a: 2 });
  await gateway.operation(1);
  const changed = bound.setWhere({ a: 3 });
  const op = await gateway.operation(2);
  assert.equal(await overtaken, false);
  gateway.operations[0].frame({ rows: [[3, '3']] });
  await until('the old filter goes on', () => ids(rows()) === '1,2,3');
  op.frame({ kind: 'SNAPSHOT', rows: [[2, '2.2'], [3, '3'], [4, '4']] });
  assert.equal(await changed, true);
  assert.equal(text(rows()), '[[2,"2.2"],[3,"3"],[4,"4"]]');
  assert.deepEqual(bound.where, { a: 3 });
  await until('the end of the old one', () => gateway.operations[0].completed);
  const refused = bound.setWhere({ a: 'x' });
  (await gateway.operation(3)).fail('BAD_USER_INPUT', 'no number');
  await assert.rejects(refused, { code: 'BAD_USER_INPUT' });
  op.frame({ deletes: [2] });
  await until('the old one goes on', () => ids(rows()) === '3,4');
  assert.deepEqual([bound.where, bound.status], [{ a: 3 }, 'live']);
  const closed = bound.setWhere({ a: 4 });
  await gateway.operation(4);
  bound.close();
  assert.equal(await closed, false);
});

test('filters that change at random under rows that do too', async (t) => {
  for (const seed of seeds) {
    const roll = dice(seed);
    const gateway = await scripted(t);
    const { api, rows } = grid(t);
    const bound = bindAgGrid(api, gateway.client, { source: 'trades' });
    const some = () => [...new Set(Array.from({ length: roll(6) }, () => roll(12)))].map((id) => [id, `${roll(4)}`]);
    const first = some();
    (await gateway.operation(0)).frame({ kind: 'SNAPSHOT', rows: first });
    await bound.ready;
    let model = new Map(first);
    for (let round = 0, ops = 1; round < 30; round++) {
      const op = gateway.operations.at(-1);
      if (roll(3) === 0) {
        const change = bound.setWhere({ round });
        const next = some();
        (await gateway.operation(ops++)).frame({ kind: 'SNAPSHOT', rows: next });
        assert.equal(await change, true);
        model = new Map(next);
      } else {
        const [changed, deletes] = [some(), some().map(([id]) => id)];
        const kept = changed.filter(([id]) => !deletes.includes(id));
        op.frame({ rows: kept, deletes });
        for (const id of deletes) model.delete(id);
        for (const [id, price] of kept) model.set(id, price);
      }
      if (roll(2) === 0) await until(`seed ${seed}, round ${round}`, () => text(rows()) === text([...model].map(([id, price]) => ({ id, price }))));
    }
    bound.close();
  }
});

test('an error before the first rows', async (t) => {
  const gateway = await scripted(t);
  const { api } = grid(t);
  const bound = bindAgGrid(api, gateway.client, { source: 'trades' });
  (await gateway.operation(0)).fail('BAD_USER_INPUT', 'no');
  await assert.rejects(bound.ready, { code: 'BAD_USER_INPUT' });
  const mended = bound.setWhere({ a: 1 });
  (await gateway.operation(1)).frame({ kind: 'SNAPSHOT', rows: [[1, '1']] });
  assert.equal(await mended, true);
  assert.equal(bound.status, 'live');
  bound.close();
  const closed = bindAgGrid(api, gateway.client, { source: 'trades' });
  closed.close();
  await assert.rejects(closed.ready, { code: 'CLOSED' });
  await tick();
});

test('a grid that does not tell rows apart is refused', async (t) => {
  const gateway = await scripted(t);
  const { api } = grid(t, { getRowId: undefined });
  assert.throws(() => bindAgGrid(api, gateway.client, { source: 'trades' }), /getRowId/);
});
