import { frames } from './frames.js';
import { compareOf, isSorted, merge, type Compare } from './order.js';
import { connecting, idle, keyOf, peek, take, type State, type Target } from './shared.js';
import type { Liveness, Order } from './types.js';

/** A shared table as one component sees it: in its order. Without a target it is idle. */
export class View<R> {
  readonly #target: Target<R> | undefined;
  readonly #listeners = new Set<() => void>();
  #order: Order<R>;
  #base: State<R> | undefined; // what #shown was made of
  #shown: State<R> = connecting;
  #compare: Compare<R> | undefined; // the order of #shown.rows

  constructor(target: Target<R> | undefined, order: Order<R> = {}) {
    this.#target = target;
    this.#order = order;
  }

  /** Calls back when `get` returns something else. It connects, and stays connected until it is told to stop. */
  readonly subscribe = (listener: () => void): (() => void) => {
    if (!this.#target) return () => {};
    const [table, release] = take(this.#target);
    const stop = table.subscribe(listener);
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      stop();
      release();
    };
  };

  readonly get = (): State<R> => {
    const base: State<R> = this.#target ? (peek(this.#target)?.state ?? connecting) : idle;
    if (base === this.#base) return this.#shown;
    const rows = this.#sort(base);
    this.#base = base;
    this.#shown = rows === base.rows ? base : { ...base, rows };
    return this.#shown;
  };

  /** On a server, and while a page of one comes alive. */
  readonly server = (): State<R> => (this.#target ? connecting : idle);

  readonly age = (): number | undefined => this.#target && peek(this.#target)?.age();

  readonly retry = (): void => {
    if (this.#target) peek(this.#target)?.retry();
  };

  /** Takes another function for the order. One that orders the rows as they are, as one written in place does, changes nothing. */
  reorder(compare: Order<R>['compare']): void {
    if (compare === this.#order.compare) return;
    this.#order = { ...this.#order, compare };
    const next = compareOf(this.#order, this.#shown.source);
    if (next && this.#compare && isSorted(this.#shown.rows, next)) {
      this.#compare = next;
      return;
    }
    this.#base = undefined;
    frames.ask(this.#tell);
  }

  readonly #tell = (): void => {
    for (const listener of [...this.#listeners]) listener();
  };

  #sort(base: State<R>): readonly R[] {
    const before = this.#base?.source === base.source ? this.#base : undefined; // columns of another may be of other types
    if (before?.rows === base.rows) return this.#shown.rows;
    if (!before) this.#compare = compareOf(this.#order, base.source);
    if (!this.#compare) return base.rows;
    return before && base.step?.from === before.rows ? merge(this.#shown.rows, base.step, this.#compare) : [...base.rows].sort(this.#compare);
  }
}

/** What there is to say of a state besides its rows. */
export function livenessOf<R>(view: View<R>, { status, error, source, state, asOf }: State<R>): Liveness {
  return { status, error, source, state, asOf, age: view.age, retry: view.retry };
}

/** Rows by key, made when somebody looks. */
export function indexOf<R>(rows: readonly R[]): () => ReadonlyMap<string, R> {
  let index: Map<string, R> | undefined;
  return () => (index ??= new Map(rows.map((row) => [keyOf(row), row])));
}
