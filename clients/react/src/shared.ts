import type { Client, LiveError, LiveRows, Source, SourceState, Status } from '@tycostream/client';
import { frames, safely } from './frames.js';
import type { TableOptions } from './types.js';

/** How rows have become what they are: an update is a row removed and one added. */
export interface Step<R> {
  readonly from: readonly R[];
  readonly removed: ReadonlySet<R>;
  readonly added: readonly R[];
}

/** A table as it is drawn; another object whenever something has changed. */
export interface State<R> {
  /** The same array until rows change. */
  readonly rows: readonly R[];
  /** A first snapshot is complete: no rows means that there are none. */
  readonly complete: boolean;
  readonly status: Status | 'idle';
  readonly error: LiveError | undefined;
  readonly source: Source | undefined;
  readonly state: SourceState | undefined;
  readonly asOf: Date | undefined;
  /** The last change of `rows`. */
  readonly step: Step<R> | undefined;
}

/** Before there is anything, and on a server. */
export const connecting: State<never> = {
  rows: [], complete: false, status: 'connecting', error: undefined, source: undefined, state: undefined, asOf: undefined, step: undefined,
};

/** What nobody has asked for. */
export const idle: State<never> = { ...connecting, status: 'idle' };

/** How to begin following, and the text by which equal beginnings are known. */
export interface Target<R> {
  readonly client: Client;
  readonly key: string;
  readonly open: () => LiveRows<R>;
}

/** What follows a source with these options. */
export function targetOf<R, W>(client: Client, source: string, options: TableOptions<W>): Target<R> {
  const { where, columns, maxRate, maxRows, numbers } = options;
  const names = columns && [...new Set(columns)].sort();
  const open = () => client.liveRows<R, W>({ source, where, columns, maxRate, maxRows, numbers });
  return { client, key: textOf({ source, where, names, maxRate, maxRows, numbers }), open };
}

/** A text that is the same for equal values, whatever the order of their names. */
export function textOf(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === 'bigint') return `${part}n`;
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/**
 * One subscription, drawn once per frame, for all that ask for the same. What
 * comes between two frames becomes one exact step: memory follows rows.
 */
class SharedTable<R> {
  state: State<R> = connecting;
  readonly #open: () => LiveRows<R>;
  readonly #listeners = new Set<{ readonly call: () => void }>();
  readonly #drawn = new Map<string, R>(); // by key, what state.rows has
  readonly #changed = new Set<string>(); // keys of which #drawn may be behind
  #live!: LiveRows<R>;
  #fresh = true; // #live has not said anything yet
  #stop!: () => void;

  constructor(open: () => LiveRows<R>) {
    this.#open = open;
    this.#start();
  }

  /** Calls back after each new state. */
  subscribe(call: () => void): () => void {
    const entry = { call };
    this.#listeners.add(entry);
    return () => {
      this.#listeners.delete(entry);
    };
  }

  age(): number | undefined {
    return this.#live.age();
  }

  retry(): void {
    if (this.#live.status !== 'error') return;
    this.close();
    this.#start();
    this.#draw(); // nobody is to see the error any more
  }

  close(): void {
    frames.drop(this.#draw);
    this.#stop();
    this.#live.close();
  }

  #start(): void {
    const live = this.#open();
    this.#live = live;
    this.#fresh = true;
    const stops = [
      live.subscribe(({ inserts, updates, deletes }) => {
        if (this.#fresh) for (const key of this.#drawn.keys()) this.#changed.add(key);
        this.#fresh = false;
        for (const rows of [inserts, updates, deletes]) for (const row of rows) this.#changed.add(keyOf(row));
        frames.ask(this.#draw);
      }),
      live.onStatus(() => frames.ask(this.#draw)),
    ];
    this.#stop = () => {
      for (const stop of stops) stop();
    };
  }

  readonly #draw = (): void => {
    const step = this.#step();
    const { status, error, source, state, asOf } = this.#live;
    this.state = {
      rows: step ? [...this.#drawn.values()] : this.state.rows,
      complete: this.state.complete || !this.#fresh,
      status, error, source, state,
      asOf: this.#fresh ? this.state.asOf : asOf,
      step: step ?? this.state.step,
    };
    for (const entry of [...this.#listeners]) if (this.#listeners.has(entry)) safely(entry.call);
  };

  /** Brings #drawn up to date; returns nothing if it was. */
  #step(): Step<R> | undefined {
    if (this.#fresh) return undefined; // what was drawn stays until there is something else
    const removed = new Set<R>();
    const added: R[] = [];
    for (const key of this.#changed) {
      const before = this.#drawn.get(key);
      const now = this.#live.rows.get(key);
      if (before === now) continue;
      if (before !== undefined) removed.add(before);
      if (now === undefined) {
        this.#drawn.delete(key);
      } else {
        added.push(now);
        this.#drawn.set(key, now);
      }
    }
    this.#changed.clear();
    return removed.size + added.length > 0 ? { from: this.state.rows, removed, added } : undefined;
  }
}

/** The key of a row. Whoever types rows without `_key` gets it all the same. */
export function keyOf(row: unknown): string {
  return (row as { readonly _key: string })._key;
}

export type { SharedTable };

/** How long a subscription outlives its last user, in milliseconds: pages that change show the next one at once. */
const linger = 1000;

interface Entry {
  readonly table: SharedTable<never>;
  users: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

const entries = new WeakMap<Client, Map<string, Entry>>();

/** The table of a target, if somebody uses it. */
export function peek<R>({ client, key }: Target<R>): SharedTable<R> | undefined {
  return entries.get(client)?.get(key)?.table as SharedTable<R> | undefined;
}

/** The table of a target, and how to give it back. */
export function take<R>({ client, key, open }: Target<R>): [table: SharedTable<R>, release: () => void] {
  let own = entries.get(client);
  if (!own) entries.set(client, (own = new Map()));
  let entry = own.get(key);
  if (!entry) own.set(key, (entry = { table: new SharedTable(open) as unknown as SharedTable<never>, users: 0, timer: undefined }));
  const { table } = entry;
  clearTimeout(entry.timer);
  entry.users++;
  const end = () => {
    own.delete(key);
    table.close();
  };
  const release = () => {
    if (--entry.users > 0) return;
    if (table.state.status === 'error') end(); // whoever comes next tries again
    else entry.timer = setTimeout(end, linger);
  };
  return [table as unknown as SharedTable<R>, release];
}
