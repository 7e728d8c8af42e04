// A client whose every batch the test decides.
import perspective from '@perspective-dev/client';
import { LiveError } from '@tycostream/client';
import { connect } from '@tycostream/perspective';

export const column = (name, type, key = false) => ({ name, databaseName: name, type, nullable: !key, key, enumValues: null });

export const sourceOf = (...columns) => ({
  name: 'things', field: 'things', typePrefix: 'Things', naming: 'camelCase',
  primaryKey: columns.filter((c) => c.key).map((c) => c.name), columns,
});

export const trades = sourceOf(column('id', 'Integer', true), column('price', 'Decimal'), column('note', 'String'));

export class FakeClient {
  opened = [];

  constructor(source) {
    this.source = source;
  }

  sources() {
    return this.away ? Promise.reject(new LiveError('away', 'CONNECTION')) : Promise.resolve([this.source]);
  }

  /** The nth subscription, once it is there. */
  async live(n) {
    while (!this.opened[n]) await new Promise(setImmediate);
    return this.opened[n];
  }

  liveColumns(options) {
    const live = new FakeLive(this.source, options);
    this.opened.push(live);
    return live;
  }
}

class FakeLive {
  status = 'connecting';
  error;
  source;
  state;
  timestamp;
  asOf;
  closed = false;
  #batches = new Set();
  #changes = new Set();

  constructor(source, options) {
    this.options = options;
    this.willBe = source;
    this.numbers = options.numbers;
    this.ready = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
    this.ready.catch(() => {});
  }

  age() {
    return this.asOf && 5;
  }

  subscribe(listener) {
    this.#batches.add(listener);
    return () => this.#batches.delete(listener);
  }

  onStatus(listener) {
    this.#changes.add(listener);
    return () => this.#changes.delete(listener);
  }

  close() {
    this.#end(undefined);
  }

  // From here on what the test does.

  /** The gateway has accepted, and is on its way to send the snapshot. */
  accept() {
    this.source = this.willBe;
    this.become('snapshot');
  }

  /** Rows as objects with `_key`, and deletes as objects with `_key` and the key columns. */
  batch(rows, deletes = [], { reset = false } = {}) {
    if (this.closed) return;
    this.source = this.willBe;
    const names = ['_key', ...(this.options.columns ?? this.source.columns.map((c) => c.name)).filter((n) => n !== '_key')];
    const gather = (columns, from) => Object.fromEntries(columns.map((name) => [name, from.map((row) => row[name] ?? null)]));
    this.asOf = new Date(1000);
    this.emit({
      kind: reset ? 'SNAPSHOT' : 'LIVE', timestamp: '1', cursor: 'c', asOf: this.asOf, reset, length: rows.length,
      upserts: gather(names, rows), deletes: gather(['_key', ...this.source.primaryKey], deletes),
    });
    this.become('live');
    this.settle.resolve();
  }

  snapshot(rows) {
    this.batch(rows, [], { reset: true });
  }

  emit(batch) {
    for (const listener of [...this.#batches]) listener(batch);
  }

  become(status, error) {
    this.status = status;
    this.error = error;
    for (const listener of [...this.#changes]) listener(this);
  }

  fail(code, message = code) {
    this.#end(new LiveError(message, code));
  }

  #end(error) {
    if (this.closed) return;
    this.closed = true;
    this.settle.reject(error ?? new LiveError('closed before the first snapshot was complete', 'CLOSED'));
    this.become(error ? 'error' : this.status, error);
    this.#batches.clear();
    this.#changes.clear();
  }
}

let count = 0;

/** Connects a source to a table of its own; the snapshot has come. */
export async function connected(t, { source = trades, rows = [], ...options } = {}) {
  const client = new FakeClient(source);
  const connecting = connect(client, 'things', { perspective, name: `t${process.pid}-${count++}`, ...options });
  const live = await client.live(0);
  live.snapshot(rows);
  const things = await connecting;
  t.after(() => things.close());
  await things.ready;
  return { client, live, things, ...(await reading(t, things.table)) };
}

/** Reads a table through a view, which is what makes the engine lay everything on. */
export async function reading(t, table, config = {}) {
  const view = await table.view(config);
  let there = true;
  t.after(() => there && view.delete());
  return {
    view,
    /** Deletes the view, as no table can go before. */
    leave: () => {
      there = false;
      return view.delete();
    },
    columns: () => view.to_columns(),
    rows: () => view.to_json(),
    /** One column's exact text: CSV rounds nothing. */
    exact: async (name) => {
      const one = await table.view({ columns: [name] });
      const lines = (await one.to_csv()).split('\n').slice(1, -1);
      await one.delete();
      return lines;
    },
  };
}

export const row = (id, price, note) => ({ _key: `${id}`, id, price, note });
export const key = (id) => ({ _key: `${id}`, id });

/** More than the time in which something would be laid on. */
export const frame = () => new Promise((resolve) => setTimeout(resolve, 40));

export async function until(check) {
  for (const end = Date.now() + 60_000; !(await check()); await frame()) {
    if (Date.now() > end) throw new Error(`not within a minute: ${check}`);
  }
}

/** Waits until the table has been laid on so many times, by itself. */
export async function laidOn(things, flushes) {
  await until(() => things.stats.flushes >= flushes);
  await things.flush(); // the engine has taken it
}

/** How many rows a view has at each of its updates. */
export async function watching(view) {
  const sizes = [];
  // Not from within: the engine is in this thread, and still busy.
  await view.on_update(() => setImmediate(async () => sizes.push(await view.num_rows())));
  return sizes;
}
