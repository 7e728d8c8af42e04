import type { Client, LiveError, LiveOptions, LiveRows, Row, Source, Status } from '@tycostream/client';
import { perFrame } from './frames.js';

/** What to follow, and how; see LiveOptions of `@tycostream/client`. */
export type TableOptions<W> = Omit<LiveOptions<W>, 'source' | 'signal' | 'resumeFrom'>;

/** A table as components see it; another object whenever something has changed. */
export interface Table<R> {
  /** The rows, in the order in which they came. The same array until they change. */
  readonly rows: readonly R[];
  readonly status: Status;
  readonly error: LiveError | undefined;
  readonly source: Source | undefined;
  /** Wall clock of the upstream time of the rows. */
  readonly asOf: Date | undefined;
  /** The age of the rows now, in milliseconds. */
  age(): number | undefined;
}

const nothing: readonly never[] = [];

/** Before there is anything, and on a server. */
export const connecting: Table<never> = {
  rows: nothing, status: 'connecting', error: undefined, source: undefined, asOf: undefined, age: () => undefined,
};

/** How long a subscription outlives its last component, in milliseconds: pages that change show the next one at once. */
const linger = 1000;

/** One subscription, shared by all components that ask for the same. */
export class SharedTable<R> {
  readonly #open: () => LiveRows<R>;
  readonly #forget: () => void;
  readonly #listeners = new Set<() => void>();
  #live: LiveRows<R> | undefined;
  #table: Table<R> = connecting;
  #touched = false; // rows have changed since #table was made
  #cancel: () => void = () => {};
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(open: () => LiveRows<R>, forget: () => void) {
    this.#open = open;
    this.#forget = forget;
  }

  /** The newest state that has been shown. */
  readonly get = (): Table<R> => this.#table;

  /** Calls back when it is another one, at most once per frame. It connects with the first listener. */
  readonly subscribe = (listener: () => void): (() => void) => {
    clearTimeout(this.#timer);
    this.#listeners.add(listener);
    if (!this.#live) this.#start();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#timer = setTimeout(() => this.#stop(), linger);
    };
  };

  #start(): void {
    const live = this.#open();
    this.#live = live;
    const [schedule, cancel] = perFrame(() => this.#show(live));
    this.#cancel = cancel;
    live.subscribe(() => {
      this.#touched = true;
      schedule();
    });
    live.onStatus(schedule);
  }

  #show(live: LiveRows<R>): void {
    const rows = this.#touched ? [...live.rows.values()] : this.#table.rows;
    this.#touched = false;
    const { status, error, source, asOf } = live;
    this.#table = { rows, status, error, source, asOf, age: () => live.age() };
    for (const listener of [...this.#listeners]) listener();
  }

  #stop(): void {
    this.#cancel();
    this.#live?.close();
    this.#live = undefined;
    this.#table = connecting;
    this.#forget();
  }
}

const tables = new WeakMap<Client, Map<string, SharedTable<never>>>();

/** The text by which equal options are found to be equal, whatever the order of their names. */
export function keyOf(source: string, options: unknown): string {
  return JSON.stringify([source, options], (_, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** The table of a client with these options. */
export function sharedTable<R = Row>(client: Client, key: string): SharedTable<R> {
  let own = tables.get(client);
  if (!own) tables.set(client, (own = new Map()));
  const found = own.get(key);
  if (found) return found as unknown as SharedTable<R>;
  const [source, options] = JSON.parse(key) as [string, TableOptions<unknown> | null];
  const made = new SharedTable<R>(() => client.liveRows<R, unknown>({ ...options, source }), () => own.delete(key));
  own.set(key, made as unknown as SharedTable<never>);
  return made;
}
