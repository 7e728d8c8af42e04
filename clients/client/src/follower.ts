import { plan, type Catalog } from './catalog.js';
import { backOff, type Connection } from './connection.js';
import { reactionTo, toLiveError } from './errors.js';
import { Assembly, rounded, type Frame } from './frames.js';
import { Listeners } from './listeners.js';
import { LiveError, type Batch, type ColumnsBatch, type Live, type LiveOptions, type Source, type SourceState, type Status } from './types.js';

/**
 * Follows a source through connections, gateways and errors, and gives out
 * whole batches. Subclasses lay them over what they hold.
 *
 *     locate ──▶ subscribe ──▶ frames … ──▶ batch
 *        ▲           │  a lost connection: graphql-ws subscribes again, with the newest cursor
 *        └───────────┘  an error that may pass: again after a pause; any other: status error
 */
export abstract class Follower<B extends Batch> implements Live<B> {
  readonly ready: Promise<void>;
  protected readonly batches = new Listeners<B>();
  readonly #changes = new Listeners<void>();
  readonly #connection: Connection;
  readonly #catalog: Catalog;
  readonly #options: LiveOptions<unknown>;
  readonly #assembly = new Assembly();
  readonly #undo: (() => void)[] = [];
  #settle!: { readonly resolve: () => void; readonly reject: (error: LiveError) => void };
  #status: Status = 'connecting';
  #error: LiveError | undefined;
  #source: Source | undefined;
  #state: SourceState | undefined;
  #numbers: 'EXACT' | 'NUMBER';
  #timestamp: string | undefined;
  #cursor: string | undefined;
  #asOf: Date | undefined;
  #lag = 0; // sentAt - asOf of the newest frame, in milliseconds
  #heard = 0; // when it came, by the monotonic clock
  #complete = false; // a first snapshot has been given out
  #ended = false;
  #attempt = 0;
  #doubted = false; // the schema was asked again, and nothing has come since
  #stop: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `released` is called when it has ended. */
  constructor(connection: Connection, catalog: Catalog, options: LiveOptions<unknown>, released: () => void) {
    this.#undo.push(released);
    this.#connection = connection;
    this.#catalog = catalog;
    this.#options = options;
    this.#numbers = options.numbers ?? 'EXACT';
    this.#cursor = options.resumeFrom;
    this.ready = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.ready.catch(() => {}); // whoever wants to know looks at it or at status
    this.#undo.push(connection.changed.add(() => this.#connectionChanged()));
    const { signal } = options;
    if (signal) {
      const abort = () => this.close();
      signal.addEventListener('abort', abort);
      this.#undo.push(() => signal.removeEventListener('abort', abort));
    }
    if (signal?.aborted) queueMicrotask(() => this.close());
    else void this.#begin();
  }

  get status(): Status {
    return this.#status;
  }

  get error(): LiveError | undefined {
    return this.#error;
  }

  get source(): Source | undefined {
    return this.#source;
  }

  get state(): SourceState | undefined {
    return this.#state;
  }

  get numbers(): 'EXACT' | 'NUMBER' {
    return this.#numbers;
  }

  get timestamp(): string | undefined {
    return this.#timestamp;
  }

  get cursor(): string | undefined {
    return this.#cursor;
  }

  get asOf(): Date | undefined {
    return this.#asOf;
  }

  age(): number | undefined {
    return this.#asOf === undefined ? undefined : Math.max(this.#lag + performance.now() - this.#heard, 0);
  }

  subscribe(listener: (batch: B) => void): () => void {
    return this.batches.add(listener);
  }

  onStatus(listener: (live: this) => void): () => void {
    return this.#changes.add(() => listener(this));
  }

  close(): void {
    this.#end(undefined);
  }

  /** Lays a batch over what is held and tells listeners. */
  protected abstract lay(batch: ColumnsBatch, columns: readonly string[]): void;

  /** Called once, when nothing will follow any more. */
  protected abstract over(error: LiveError | undefined): void;

  async #begin(): Promise<void> {
    try {
      const source = await this.#catalog.find(this.#options.source);
      if (this.#ended) return;
      this.#source = source;
      this.#subscribe(source);
    } catch (reason) {
      if (!this.#ended) this.#failed(toLiveError(reason));
    }
  }

  #subscribe(source: Source): void {
    const { query, variables, columns } = plan(source, { ...this.#options, numbers: this.#numbers === 'NUMBER' ? 'NUMBER' : undefined });
    // The newest cursor whenever graphql-ws subscribes, the silent retry included.
    const cursor = () => this.#cursor;
    const payload = {
      query,
      get variables() {
        return { ...variables, resumeFrom: cursor() };
      },
    };
    const stop = this.#connection.subscribe(
      payload,
      (data) => this.#frame((data as { readonly frames: Frame }).frames, columns),
      (error) => this.#failed(error ?? new LiveError('the gateway ended the subscription', 'SOURCE_CLOSED')),
    );
    if (this.#ended) stop();
    else this.#stop = stop;
  }

  #frame(frame: Frame, columns: readonly string[]): void {
    if (this.#ended) return;
    this.#attempt = 0;
    this.#doubted = false;
    if (this.#numbers === 'NUMBER' && rounded(frame, this.#options.exactIntegers ?? [])) {
      this.#takeTexts();
      return;
    }
    const batch = this.#assembly.take(frame);
    if (batch) {
      this.#timestamp = batch.timestamp;
      this.#cursor = batch.cursor;
      this.#asOf = batch.asOf;
      this.#lag = Date.parse(frame.sentAt) - batch.asOf.getTime();
      this.#heard = performance.now();
      this.#complete = true;
    }
    const noted = this.#note(frame.state);
    if (batch) this.lay(batch, columns);
    if (this.#ended) return; // a listener closed it
    if (noted) this.#changes.emit();
    if (batch) this.#settle.resolve();
  }

  /** Begins anew, with strings for numbers. */
  #takeTexts(): void {
    const stop = this.#stop;
    this.#assembly.drop();
    this.#cursor = undefined; // what is held was numbers
    this.#numbers = 'EXACT';
    this.#subscribe(this.#source!);
    stop?.(); // afterwards, so that the connection stays
  }

  /** Takes note of the source's state; reports whether anything that onStatus tells has changed. */
  #note(state: SourceState): boolean {
    const status = !this.#complete ? 'snapshot' : state === 'LIVE' ? 'live' : 'stale';
    const changed = status !== this.#status || state !== this.#state || (this.#error !== undefined && state !== 'FAILED');
    const failed = state === 'FAILED' && this.#state !== 'FAILED';
    this.#status = status;
    this.#state = state;
    if (state !== 'FAILED') this.#error = undefined;
    if (failed) void this.#explain();
    return changed;
  }

  /** Asks the gateway why a source has failed. */
  async #explain(): Promise<void> {
    const name = this.#source!.name;
    const why = await this.#connection
      .request<{ sources: { name: string; error: string | null }[] }>('{ sources { name error } }', undefined)
      .then((answer) => answer.sources.find((s) => s.name === name)?.error)
      .catch(() => undefined);
    if (this.#ended || this.#state !== 'FAILED') return;
    this.#error = new LiveError(why ?? `the source ${name} has failed at the gateway`, 'SOURCE_FAILED');
    this.#changes.emit();
  }

  #connectionChanged(): void {
    if (this.#ended || this.#connection.status !== 'closed') return;
    this.#assembly.drop();
    this.#away(this.#connection.refusal);
  }

  /** Rows are the last known until a frame comes. */
  #away(error: LiveError | undefined): void {
    this.#status = this.#complete ? 'stale' : 'connecting';
    this.#error = error;
    this.#changes.emit();
  }

  #failed(error: LiveError): void {
    this.#stop = undefined;
    this.#assembly.drop();
    let reaction = reactionTo(error);
    if (reaction === 'schema') {
      // The gateway's schema may have changed. If it fits no better, the mistake is ours.
      reaction = this.#doubted || !this.#source ? 'end' : 'retry';
      this.#doubted = true;
      this.#catalog.forget();
    }
    if (reaction === 'fresh') {
      if (this.#cursor === undefined) reaction = error.code === 'RESYNC_REQUIRED' ? 'retry' : 'end';
      this.#cursor = undefined;
    }
    if (reaction === 'end') {
      this.#end(error);
      return;
    }
    this.#away(error);
    if (this.#ended) return; // by a listener
    this.#timer = setTimeout(() => void this.#begin(), backOff(this.#attempt++));
  }

  #end(error: LiveError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    for (const undo of this.#undo) undo();
    this.#stop?.();
    this.#assembly.drop();
    if (error) {
      this.#status = 'error';
      this.#error = error;
    }
    this.#settle.reject(error ?? new LiveError('closed before the first snapshot was complete', 'CLOSED'));
    this.over(error);
    this.#changes.emit();
    this.#changes.clear();
    this.batches.clear();
  }
}
