import type { Cell, ColumnsBatch } from '@tycostream/client';
import type { Shape } from './shape.js';

/** What is to be laid on a table. No key stands on both sides. */
export interface Changes {
  /** The rows are all there are. */
  readonly replace: boolean;
  /** Whole rows: of each field its cells. */
  readonly columns: readonly (readonly Cell[])[];
  readonly length: number;
  /** Index values of rows that have left the table. */
  readonly removed: readonly Cell[];
}

/**
 * The changes that have not been laid on yet: the newest of each key, so that it
 * grows with the rows and not with the changes, however long it must wait.
 *
 * A batch that stays alone goes through as it came. From the second on their
 * rows are written into columns, each key at its place. Rows are whole, so the
 * last word on a key is all there is to know of it: a row that left and came
 * again is a row, one that came and left is gone.
 */
export class Pending {
  readonly #names: readonly string[];
  readonly #index: string;
  #alone: ColumnsBatch | undefined;
  #replace = false;
  #columns: Cell[][];
  #length = 0; // of the columns, places without a key included
  // Keys are the index column's cells: numbers are found twice as fast as their text.
  readonly #places = new Map<Cell, number>();
  readonly #free: number[] = [];
  readonly #removed = new Set<Cell>();
  #shown = new Set<Cell>(); // in the table: others need no removing

  constructor({ fields, index }: Shape) {
    this.#names = fields.map((f) => f.name);
    this.#index = index.name;
    this.#columns = fields.map(() => []);
  }

  /** Whether there is nothing to lay on. */
  get empty(): boolean {
    return !this.#alone && !this.#replace && this.#places.size === 0 && this.#removed.size === 0;
  }

  /** How many rows the table has once everything taken is laid on. */
  get size(): number {
    return this.#shown.size;
  }

  add(batch: ColumnsBatch): void {
    if (batch.reset) {
      this.#clear();
      this.#alone = batch;
      return;
    }
    if (batch.length === 0 && batch.deletes[this.#index]!.length === 0) return; // proof of life
    if (this.empty) {
      this.#alone = batch;
      return;
    }
    if (this.#alone) {
      const first = this.#alone;
      this.#alone = undefined;
      this.#absorb(first);
    }
    this.#absorb(batch);
  }

  /** Hands everything out. The columns are good until the next call of {@link add}. */
  take(): Changes {
    const changes = this.#alone ? this.#whole(this.#alone) : this.#merged();
    this.#clear();
    return changes;
  }

  #whole({ reset, length, upserts, deletes }: ColumnsBatch): Changes {
    if (reset) this.#shown = new Set();
    const removed = deletes[this.#index]!.filter((key) => this.#shown.delete(key));
    for (const key of upserts[this.#index]!) this.#shown.add(key);
    return { replace: reset, length, columns: this.#names.map((name) => upserts[name]!), removed };
  }

  #merged(): Changes {
    if (this.#replace) this.#shown = new Set();
    for (const key of this.#places.keys()) this.#shown.add(key);
    for (const key of this.#removed) this.#shown.delete(key);
    const length = this.#places.size;
    const places = [...this.#places.values()];
    const columns = this.#columns.map((cells) => (this.#free.length === 0 ? cells : places.map((place) => cells[place])));
    return { replace: this.#replace, length, columns, removed: [...this.#removed] };
  }

  #absorb({ reset, length, upserts, deletes }: ColumnsBatch): void {
    this.#replace ||= reset;
    this.#forget(deletes[this.#index]!);
    const places = this.#placesOf(upserts[this.#index]!);
    for (let c = 0; c < this.#names.length; c++) {
      const from = upserts[this.#names[c]!]!;
      const to = this.#columns[c]!;
      for (let i = 0; i < length; i++) to[places[i]!] = from[i];
    }
  }

  #forget(keys: readonly Cell[]): void {
    for (const key of keys) {
      const place = this.#places.get(key);
      if (place !== undefined) {
        this.#places.delete(key);
        this.#free.push(place);
      }
      if (!this.#replace && this.#shown.has(key)) this.#removed.add(key);
    }
  }

  #placesOf(keys: readonly Cell[]): Int32Array {
    const found = new Int32Array(keys.length);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      let place = this.#places.get(key);
      if (place === undefined) {
        place = this.#free.pop() ?? this.#length++;
        this.#places.set(key, place);
        if (this.#removed.size > 0) this.#removed.delete(key);
      }
      found[i] = place;
    }
    return found;
  }

  #clear(): void {
    this.#alone = undefined;
    this.#replace = false;
    this.#length = 0;
    this.#places.clear();
    this.#free.length = 0;
    this.#removed.clear();
  }
}
