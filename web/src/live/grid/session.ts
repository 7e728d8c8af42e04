import { connect, type ConnectedTable } from '@tycostream/perspective';
import type { Client } from '@tycostream/client';
import type { SourceInfo } from '../sources-list.js';
import { engine } from './engine.js';
import { place, type Term } from './order.js';
import type { Sample } from './sample.js';

let tables = 0;

/** Columns whose numbers a double would round, or print in its own way. */
const exactNumbers = new Set(['BigInt', 'Decimal', 'Float']);

/** What a session is opened with. */
export interface Opening {
  readonly client: Client;
  readonly source: SourceInfo;
  /** Digits as the database has them: numbers and moments as texts. */
  readonly exact: boolean;
  readonly where: Record<string, unknown> | undefined;
  /** Gives up before the first rows are complete; afterwards the session has to be closed. */
  readonly signal: AbortSignal;
}

/** A table that follows a source, and what is read from it beside the grid. */
export class Session {
  readonly source: SourceInfo;
  readonly exact: boolean;
  readonly live: ConnectedTable;
  /** Columns of numbers that are texts here. */
  readonly texts: readonly string[];
  lastSample: Sample = {};

  private constructor(opening: Opening, live: ConnectedTable) {
    this.source = opening.source;
    this.exact = opening.exact;
    this.live = live;
    this.texts = opening.exact ? opening.source.columns.filter((c) => exactNumbers.has(c.type)).map((c) => c.name) : [];
  }

  /** Resolves when the first rows are complete. */
  static async open(opening: Opening): Promise<Session> {
    const { client, source, exact, where, signal } = opening;
    const texts = source.columns.filter((c) => exactNumbers.has(c.type) || c.type === 'Timestamp').map((c) => [c.name, 'string'] as const);
    const giveUp = new AbortController();
    const relay = () => giveUp.abort();
    signal.addEventListener('abort', relay);
    try {
      const live = await connect(client, source.field, {
        // Rows are on their way while the engine starts.
        perspective: { table: async (rows, options) => (await engine).table(rows, options) },
        name: `${source.field} ${++tables}`, // an engine has a name once
        where,
        extra: { [place]: 'integer' },
        ...(exact ? { types: Object.fromEntries(texts) } : {}),
        signal: giveUp.signal,
      });
      await live.ready.catch(async (error: unknown) => {
        await live.close();
        throw error;
      });
      return new Session(opening, live);
    } finally {
      signal.removeEventListener('abort', relay); // from now on it may be shown, and has to be closed
    }
  }

  /** The first rows by key. */
  async sample(rows: number): Promise<Sample> {
    const view = await this.live.table.view({ columns: [...this.live.columns] });
    try {
      this.lastSample = (await view.to_columns({ end_row: rows } as never)) as unknown as Sample;
    } finally {
      void view.delete();
    }
    return this.lastSample;
  }

  /** The index of all rows in an order. 64-bit integers come as text. */
  async keys(order: readonly Term[], expressions: Record<string, string>): Promise<readonly unknown[]> {
    const index = (await this.live.table.get_index())!;
    const view = await this.live.table.view({ columns: [index], sort: order.map((t) => [...t]), expressions } as never);
    try {
      // JSON would round what is beyond 2^53; the other texts need no quotes there.
      if (this.source.columns.find((c) => c.name === index)?.type !== 'BigInt' || this.exact) {
        return ((await view.to_columns()) as unknown as Sample)[index]!;
      }
      return (await view.to_csv()).trim().split('\n').slice(1).map((line) => line.replaceAll('"', ''));
    } finally {
      void view.delete();
    }
  }

  /** Numbers the rows of these keys, the first highest, so that rows without number come last. */
  async number(keys: readonly unknown[]): Promise<void> {
    const { live } = this;
    const paused = live.paused;
    live.pause(); // so that no row goes between the look and the writing
    try {
      await live.flush();
      const index = (await live.table.get_index())!;
      const there = new Set((await this.keys([], {})).map(String));
      const numbered = keys.map((key, i) => [key, keys.length - i] as const).filter(([key]) => there.has(String(key)));
      await live.table.update({ [index]: numbered.map(([key]) => key), [place]: numbered.map(([, n]) => n) } as never);
    } finally {
      if (!paused) live.resume();
    }
  }

  close(): Promise<void> {
    return this.live.close();
  }
}
