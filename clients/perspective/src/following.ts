import { LiveError, type ColumnsBatch, type LiveColumns, type Source, type SourceState, type Status } from '@tycostream/client';
import type { Table } from '@perspective-dev/client';
import { fits, shapeOf } from './shape.js';
import type { Sink } from './sink.js';
import type { ConnectedTable, ConnectOptions, Stats } from './types.js';

/** What {@link Following} begins with. */
export interface Beginning<W> {
  /** Subscribes; with numbers as text if it has to be. */
  readonly open: (where: W | undefined, exact: boolean) => Subscription<W>;
  readonly options: ConnectOptions<W>;
  readonly first: Subscription<W>;
  readonly sink: Sink;
  readonly table: Table;
  /** The same table, to delete it by: the other handle is not given up while somebody waits for an answer to what he asked it. */
  readonly handle: Table;
  readonly name: string;
}

/** A subscription, and what it was asked for. */
export interface Subscription<W> {
  readonly where: W | undefined;
  readonly numbers: LiveColumns['numbers'];
  readonly live: LiveColumns;
}

/**
 * Lays on a table what the current subscription brings. Another filter is
 * another subscription, the next one: with its first batch, which is a complete
 * snapshot, it becomes the current one. Whatever is neither is closed, and not
 * listened to any more.
 */
export class Following<W> implements ConnectedTable<W> {
  readonly table: Table;
  readonly name: string;
  readonly columns: readonly string[];
  readonly ready: Promise<void>;
  readonly #open: Beginning<W>['open'];
  readonly #options: ConnectOptions<W>;
  readonly #sink: Sink;
  readonly #handle: Table;
  readonly #changes = new EventTarget(); // one listener's exception keeps nothing from the others
  #settle!: { readonly resolve: () => void; readonly reject: (error: LiveError) => void };
  #source: Source; // whose columns are known to fit the table
  #current: Subscription<W>;
  #next: Subscription<W> | undefined;
  #exact = false; // integers have come that are too large for numbers
  #failure: LiveError | undefined; // ours; the current subscription has its own
  #deleted = false;
  #closed: Promise<void> | undefined;
  readonly #abort = () => void this.close();

  /** Takes over a subscription whose source is known, with all its batches so far in the sink. */
  constructor({ open, options, first, sink, table, handle, name }: Beginning<W>) {
    this.#open = open;
    this.#options = options;
    this.#sink = sink;
    this.table = table;
    this.#handle = handle;
    this.name = name;
    this.columns = sink.shape.columns;
    this.#source = first.live.source!;
    this.#current = first;
    this.ready = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.ready.catch(() => {}); // whoever wants to know looks at it or at status
    this.#listen(this.#current);
    first.live.ready.then(
      () => this.#complete(),
      (error: LiveError) => {
        if (this.#current === first) this.#settle.reject(error);
      },
    );
    options.signal?.addEventListener('abort', this.#abort);
    sink.begin(table, (error) => this.#end(error));
  }

  /** Says that somebody else has deleted the table. */
  deleted(): void {
    this.#deleted = true;
    this.#end(new LiveError(`the table ${this.name} was deleted`, 'PERSPECTIVE'));
  }

  get where(): W | undefined {
    return this.#current.where;
  }

  get stats(): Stats {
    return this.#sink.stats;
  }

  get status(): Status {
    return this.#failure ? 'error' : this.#current.live.status;
  }

  get error(): LiveError | undefined {
    return this.#failure ?? this.#current.live.error;
  }

  get state(): SourceState | undefined {
    return this.#current.live.state;
  }

  get asOf(): Date | undefined {
    return this.#current.live.asOf;
  }

  get timestamp(): string | undefined {
    return this.#current.live.timestamp;
  }

  age(): number | undefined {
    return this.#current.live.age();
  }

  onStatus(listener: (connected: this) => void): () => void {
    const call = () => listener(this);
    this.#changes.addEventListener('status', call);
    return () => this.#changes.removeEventListener('status', call);
  }

  async setWhere(where: W | undefined): Promise<boolean> {
    if (this.#failure) throw this.#failure;
    if (this.#closed) throw new LiveError(`the table ${this.name} is closed`, 'CLOSED');
    this.#next?.live.close();
    const { numbers, live } = this.#current;
    this.#exact ||= numbers === 'NUMBER' && live.numbers === 'EXACT';
    const next = this.#open(where, this.#exact);
    this.#next = next;
    this.#listen(next);
    try {
      await next.live.ready;
    } catch (error) {
      if (this.#failure) throw this.#failure;
      if (this.#next !== next) return false;
      this.#next = undefined;
      throw error;
    }
    await this.#laid();
    return true;
  }

  get paused(): boolean {
    return this.#sink.paused;
  }

  pause(): void {
    this.#sink.paused = true;
  }

  resume(): void {
    this.#sink.paused = false;
  }

  flush(): Promise<void> {
    return this.#sink.flush();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#abort);
    this.#stop();
    await this.#sink.close();
    if (!this.#deleted) void this.#handle.delete({ lazy: true }).catch(() => {}); // resolves when the last viewer has gone
  }

  /** Stops for a reason; the table stays, if it is there. */
  #end(error: LiveError): void {
    if (this.#closed || this.#failure) return;
    this.#failure = error;
    this.#stop();
    void this.#sink.close();
    this.#settle.reject(error);
    this.#changed();
  }

  #stop(): void {
    const next = this.#next;
    this.#next = undefined; // so that setWhere sees that it was not refused
    next?.live.close();
    this.#current.live.close();
  }

  #listen(subscription: Subscription<W>): void {
    subscription.live.subscribe((batch) => this.#take(subscription, batch));
    subscription.live.onStatus(() => {
      if (subscription === this.#current) this.#changed();
    });
  }

  #take(from: Subscription<W>, batch: ColumnsBatch): void {
    const first = from === this.#next;
    if (first) {
      const before = this.#current;
      this.#current = from;
      this.#next = undefined;
      before.live.close();
    }
    if (from !== this.#current || !this.#fits(from.live.source!)) return;
    this.#sink.add(batch);
    if (first) this.#complete();
  }

  /** Looks at columns that the gateway has changed since. */
  #fits(source: Source): boolean {
    if (source === this.#source) return true;
    try {
      if (!fits(this.#sink.shape, shapeOf(source, this.#options))) {
        throw new LiveError(`the columns of ${source.field} are others now: connect again`, 'SCHEMA_CHANGED');
      }
      this.#source = source;
      return true;
    } catch (error) {
      this.#end(error as LiveError);
      return false;
    }
  }

  #changed(): void {
    this.#changes.dispatchEvent(new Event('status'));
  }

  /** Called when the first snapshot has come. */
  #complete(): void {
    this.#laid().then(this.#settle.resolve, this.#settle.reject);
  }

  /** Waits until what has come is in the table, unless it is frozen. */
  async #laid(): Promise<void> {
    if (!this.paused) await this.#sink.flush();
    if (this.#failure) throw this.#failure;
  }
}
