import type { LiveError, Row, RowsBatch } from './types.js';

/**
 * Batches for a loop that may be slower than they come: what waits is merged, so
 * that it holds each key once. Who reads at most one page at a time always
 * steps from one consistent state to another.
 */
export class Pages implements AsyncIterableIterator<RowsBatch> {
  readonly #release: () => void;
  #waiting: RowsBatch | Merged | undefined;
  #end: { readonly error: LiveError | undefined } | undefined;
  #wake: (() => void) | undefined;

  constructor(release: () => void) {
    this.#release = release;
  }

  push(batch: RowsBatch): void {
    if (this.#end) return;
    if (this.#waiting === undefined) {
      this.#waiting = batch;
    } else {
      if (!(this.#waiting instanceof Merged)) this.#waiting = new Merged(this.#waiting);
      this.#waiting.add(batch);
    }
    this.#wake?.();
  }

  /** What waits is still given out, then the loop ends or throws. */
  end(error: LiveError | undefined): void {
    this.#end ??= { error };
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<RowsBatch>> {
    while (this.#waiting === undefined) {
      if (this.#end) {
        const { error } = this.#end;
        this.#end = { error: undefined }; // an iterator throws once
        if (error) throw error;
        return { done: true, value: undefined };
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const page = this.#waiting instanceof Merged ? this.#waiting.batch() : this.#waiting;
    this.#waiting = undefined;
    return { done: false, value: page };
  }

  async return(): Promise<IteratorResult<RowsBatch>> {
    this.#waiting = undefined;
    this.end(undefined);
    this.#release();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<RowsBatch> {
    return this;
  }
}

/** Several batches as one step. */
class Merged {
  #newest: RowsBatch;
  #reset = false;
  readonly #inserts = new Map<string, Row>();
  readonly #updates = new Map<string, Row>();
  readonly #deletes = new Map<string, Row>();

  constructor(first: RowsBatch) {
    this.#newest = first;
    this.add(first);
  }

  add(batch: RowsBatch): void {
    this.#newest = batch;
    this.#reset ||= batch.reset;
    for (const row of batch.deletes) {
      if (this.#inserts.delete(row._key)) continue; // came and went
      this.#updates.delete(row._key);
      this.#deletes.set(row._key, row);
    }
    for (const row of batch.inserts) {
      const back = this.#deletes.delete(row._key); // went and came: the reader still has it
      (back ? this.#updates : this.#inserts).set(row._key, row);
    }
    for (const row of batch.updates) {
      (this.#inserts.has(row._key) ? this.#inserts : this.#updates).set(row._key, row);
    }
  }

  batch(): RowsBatch {
    return {
      ...this.#newest,
      reset: this.#reset,
      inserts: [...this.#inserts.values()],
      updates: [...this.#updates.values()],
      deletes: [...this.#deletes.values()],
    };
  }
}
