import type { Client, ColumnsBatch, LiveColumns, Where } from '@tycostream/client';
import { answerOf } from './engine.js';
import { Following, type Beginning } from './following.js';
import { shapeOf, type Shape } from './shape.js';
import { Sink } from './sink.js';
import type { ConnectedTable, ConnectOptions } from './types.js';

/** Deliveries a second: a browser that is told more often than it draws has less time to draw. */
const screenRate = 60;

/**
 * Makes a Perspective table that follows a source. Resolves when the gateway
 * has accepted the subscription and the table is there; its rows have come when
 * `ready` resolves. Rejects with a LiveError when the gateway refuses, or
 * `signal` gives up; a gateway that is away is waited for.
 */
export async function connect<W = Where>(client: Client, source: string, options: ConnectOptions<W>): Promise<ConnectedTable<W>> {
  const { perspective, columns, maxRows, signal } = options;
  const maxRate = options.maxRate === Infinity ? undefined : (options.maxRate ?? screenRate);
  let travel = await travelOf(client, source, options);
  const open: Beginning<W>['open'] = (where, exact) => {
    const numbers = exact ? 'EXACT' : travel.numbers;
    return { where, numbers, live: client.liveColumns<W>({ source, where, columns, maxRate, maxRows, numbers, exactIntegers: travel.integers }) };
  };
  const first = open(options.where, false);
  const { live } = first;
  const giveUp = () => live.close();
  signal?.addEventListener('abort', giveUp);
  try {
    if (signal?.aborted) giveUp();
    const early: ColumnsBatch[] = [];
    let take = (batch: ColumnsBatch): unknown => early.push(batch);
    const stop = live.subscribe((batch) => take(batch));
    await accepted(live);
    const shape = shapeOf(live.source!, options);
    const sink = new Sink(shape);
    travel = shape;
    take = (batch) => sink.add(batch);
    early.forEach(take);
    const name = options.name ?? live.source!.field;
    const table = await answerOf(perspective.table(sink.schema, { name, index: shape.index.name }));
    const handle = await answerOf((await answerOf(table.get_client())).open_table(name));
    let following: Following<W> | undefined;
    await answerOf(table.on_delete(() => following?.deleted()));
    stop();
    following = new Following<W>({ open, options, first, sink, table, handle, name });
    if (signal?.aborted) await following.close();
    signal?.throwIfAborted();
    return following;
  } catch (error) {
    live.close();
    throw error;
  } finally {
    signal?.removeEventListener('abort', giveUp);
  }
}

/** How numbers may travel. It costs no request of its own: liveColumns asks for the sources too. */
async function travelOf(client: Client, name: string, options: ConnectOptions<unknown>): Promise<Pick<Shape, 'numbers' | 'integers'>> {
  try {
    const sources = await client.sources();
    const source = sources.find((s) => s.field === name) ?? sources.find((s) => s.name === name);
    if (source && source.columns.length > 0) return shapeOf(source, options);
  } catch {
    // The gateway is away, or has no such column; liveColumns will wait, or say so.
  }
  return { numbers: 'EXACT', integers: [] };
}

/** Resolves at the first frame: the source is known then, and the filter accepted. */
function accepted(live: LiveColumns): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = live.onStatus(({ status }) => {
      if (status === 'connecting' || status === 'error') return;
      stop();
      resolve();
    });
    live.ready.catch(reject); // it ended; no harm once resolved
  });
}
