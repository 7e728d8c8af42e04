import type { Cell, ColumnsBatch, SourceState } from './types.js';

/** Columns as they travel: one array per column, `_key` among them. */
export type Columns = Readonly<Record<string, readonly Cell[]>>;

/** A frame of `...Columns` as it travels. */
export interface Frame {
  readonly kind: ColumnsBatch['kind'];
  readonly last: boolean;
  readonly timestamp: string;
  readonly cursor: string;
  readonly asOf: string;
  readonly sentAt: string;
  readonly state: SourceState;
  readonly upserts: Columns;
  readonly deletes: Columns;
}

/** The keys of a set of columns. */
export function keysOf(columns: Columns): readonly string[] {
  return columns['_key'] as readonly string[];
}

/** Reports whether columns have a number that JSON has rounded, or may have. */
export function rounded({ upserts, deletes }: Frame, columns: readonly string[]): boolean {
  const beyond = (cell: Cell) => typeof cell === 'number' && Math.abs(cell) > Number.MAX_SAFE_INTEGER;
  return columns.some((name) => (upserts[name]?.some(beyond) ?? false) || (deletes[name]?.some(beyond) ?? false));
}

/**
 * Puts the frames of one set together. Rows are consistent at `last: true` only,
 * so nothing is given out before.
 */
export class Assembly {
  #held: Frame[] = [];

  /** Takes a frame; returns the batch that it completes. */
  take(frame: Frame): ColumnsBatch | undefined {
    if (!frame.last) {
      if (keysOf(frame.upserts).length > 0 || keysOf(frame.deletes).length > 0) this.#held.push(frame);
      return undefined;
    }
    const frames = [...this.#held, frame];
    this.#held = [];
    const { kind, timestamp, cursor } = frame;
    const reset = kind === 'SNAPSHOT' || kind === 'RESET';
    const [upserts, deletes] = frames.length === 1 ? [frame.upserts, frame.deletes] : join(frames);
    return { kind, timestamp, cursor, asOf: new Date(frame.asOf), reset, length: keysOf(upserts).length, upserts, deletes };
  }

  /** Forgets a set that will never be complete: the connection is gone. */
  drop(): void {
    this.#held = [];
  }
}

/** Lays frames over each other: what stands last of each key. */
function join(frames: readonly Frame[]): [upserts: Columns, deletes: Columns] {
  const last = new Map<string, [frame: number, index: number]>(); // index < 0: the delete at -1 - index
  frames.forEach(({ upserts, deletes }, frame) => {
    keysOf(deletes).forEach((key, i) => last.set(key, [frame, -1 - i]));
    keysOf(upserts).forEach((key, i) => last.set(key, [frame, i]));
  });
  const up: (readonly [number, number])[] = [];
  const down: (readonly [number, number])[] = [];
  for (const at of last.values()) {
    if (at[1] >= 0) up.push(at);
    else down.push([at[0], -1 - at[1]]);
  }
  const gather = (side: 'upserts' | 'deletes', places: readonly (readonly [number, number])[]): Columns => {
    const names = Object.keys(frames[0]![side]);
    return Object.fromEntries(names.map((name) => [name, places.map(([frame, i]) => frames[frame]![side][name]![i])]));
  };
  return [gather('upserts', up), gather('deletes', down)];
}
