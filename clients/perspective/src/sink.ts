import { LiveError, type ColumnsBatch } from '@tycostream/client';
import type { Table } from '@perspective-dev/client';
import { ArrowWriter, type Written } from './arrow.js';
import { answerOf, concurrent } from './engine.js';
import { nextFrame } from './frames.js';
import { Pending, type Changes } from './pending.js';
import type { Shape } from './shape.js';
import type { Stats } from './types.js';

/**
 * Lays batches on a table: once in an animation frame, and not before the
 * engine has taken what was laid on before, so that a busy engine is given
 * less, not more. Meanwhile they are merged.
 */
export class Sink {
  /** Of the table. */
  readonly shape: Shape;
  readonly #rows: ArrowWriter;
  readonly #keys: ArrowWriter;
  readonly #pending: Pending;
  #table: Table | undefined;
  #failed: ((error: LiveError) => void) | undefined;
  #paused = false;
  #closed = false;
  #laying: Promise<void> | undefined;
  #callOff: (() => void) | undefined;
  #received = 0;
  #applied = 0;
  #flushes = 0;
  #refused = 0;

  constructor(shape: Shape) {
    this.shape = shape;
    this.#rows = new ArrowWriter(shape.fields);
    this.#keys = new ArrowWriter([shape.index]);
    this.#pending = new Pending(shape);
  }

  /** The table without rows, as Arrow. */
  get schema(): ArrayBuffer {
    const { fields, extra } = this.shape;
    return extra.length === 0 ? this.#rows.empty() : new ArrowWriter([...fields, ...extra]).empty();
  }

  get stats(): Stats {
    const { size } = this.#pending;
    return { size, received: this.#received, applied: this.#applied, flushes: this.#flushes, refused: this.#refused };
  }

  get paused(): boolean {
    return this.#paused;
  }

  set paused(paused: boolean) {
    this.#paused = paused;
    if (paused) this.#unplan();
    else this.#plan();
  }

  /** Begins to lay on what has come and comes. `failed` is called when the engine takes nothing any more. */
  begin(table: Table, failed: (error: LiveError) => void): void {
    this.#table = table;
    this.#failed = failed;
    this.#plan();
  }

  add(batch: ColumnsBatch): void {
    if (this.#closed) return;
    this.#received += batch.length + batch.deletes['_key']!.length;
    this.#pending.add(batch);
    this.#plan();
  }

  /** Lays on everything there is. */
  async flush(): Promise<void> {
    while (this.#laying) await this.#laying;
    this.#lay();
    await this.#laying;
  }

  /** Lays nothing on any more; resolves when the engine has taken the last. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unplan();
    await this.#laying;
  }

  #plan(): void {
    if (this.#paused || this.#laying || this.#callOff || this.#pending.empty || this.#closed || !this.#table) return;
    this.#callOff = nextFrame(() => this.#lay());
  }

  #unplan(): void {
    this.#callOff?.();
    this.#callOff = undefined;
  }

  /** Only while nothing else is being laid on. */
  #lay(): void {
    this.#unplan();
    if (this.#pending.empty || this.#closed || !this.#table) return;
    this.#laying = this.#send(this.#table, this.#pending.take())
      .catch((reason: unknown) => {
        if (!this.#closed) this.#failed?.(toError(reason));
      })
      .finally(() => {
        this.#laying = undefined;
        this.#plan();
      });
  }

  async #send(table: Table, { replace, columns, length, removed }: Changes): Promise<void> {
    const { stream, columns: packed } = this.#rows.write(columns, length);
    this.#checkKeys(packed);
    this.#applied += length + removed.length;
    this.#flushes++;
    for (const { refused } of packed) this.#refused += refused;
    if (replace) {
      await answerOf(table.replace(stream));
      return;
    }
    // Both at once, so that no frame is drawn between them; no key is in both.
    const removing = removed.length > 0 ? answerOf(table.remove(this.#keys.write([removed], removed.length).stream)) : undefined;
    if (!concurrent()) await removing;
    const updating = length > 0 ? answerOf(table.update(stream)) : undefined;
    await Promise.all([removing, updating]);
  }

  // Rows without a key would become one row, unseen.
  #checkKeys(packed: Written['columns']): void {
    const { name, kind } = this.shape.index;
    const at = this.shape.fields.findIndex((f) => f.name === name);
    if (packed[at]!.nulls === 0) return;
    throw new LiveError(`a key in ${name} is none of type ${kind}; take the column as text: types: {${name}: 'string'}`, 'KEY_OUT_OF_RANGE');
  }
}

function toError(reason: unknown): LiveError {
  if (reason instanceof LiveError) return reason;
  return new LiveError(`Perspective takes no more rows: ${reason instanceof Error ? reason.message : reason}`, 'PERSPECTIVE');
}
