// Rows a second through the adapter into the engine, in Node.js: with all its
// work in one thread, and without a frame to wait for. A sorted view makes the
// engine do what a grid on screen would.
import perspective from '@perspective-dev/client';

import { Sink } from '../dist/sink.js';
import { shapeOf } from '../dist/shape.js';
import { changesOf, rowsOf, source } from './rows.js';

const total = 10_000;
const seconds = 3;
const shape = shapeOf(source, {});
const nothing = { _key: [], instrumentId: [] };

const batchOf = (upserts, reset = false) => ({ reset, length: upserts._key.length, upserts, deletes: nothing });

/** Lays on `together` batches of `size` rows at a time. */
async function measure(size, together, sorted) {
  const sink = new Sink(shape);
  const table = await perspective.table(sink.schema, { index: shape.index.name });
  sink.begin(table, (error) => {
    throw error;
  });
  sink.paused = true; // nothing by itself
  sink.add(batchOf(rowsOf(Array.from({ length: total }, (_, i) => i)), true));
  await sink.flush();
  const view = await table.view(sorted ? { sort: [['marketValue', 'desc']] } : {});
  const batches = changesOf(Math.max(Math.ceil(20_000 / size), together), size, total).map((rows) => batchOf(rows));
  let rows = 0;
  const cpu = process.cpuUsage();
  const begin = performance.now();
  for (let i = 0; performance.now() - begin < seconds * 1000; ) {
    for (let n = 0; n < together; n++) sink.add(batches[i++ % batches.length]);
    rows += size * together;
    await sink.flush();
  }
  await view.to_columns({ end_row: 40 });
  const took = (performance.now() - begin) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const { applied, flushes } = sink.stats;
  await view.delete();
  await sink.close();
  await table.delete();
  const per = (n, seconds) => Math.round(n / seconds);
  return {
    size, together, sorted, 'rows/s': per(rows, took), 'rows/cpu s': per(rows, (user + system) / 1e6), 'laid on/s': per(applied - total, took),
    'flushes/s': per(flushes, took),
  };
}

const results = [];
for (const sorted of [false, true]) {
  for (const [size, together] of [[1, 1], [20, 1], [200, 1], [1000, 1], [1, 1000], [200, 50], [200, 500]]) {
    results.push(await measure(size, together, sorted));
  }
}
console.table(results);
process.exit(0);
