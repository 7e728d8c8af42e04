import type { Client, Source, SourceState } from '@tycostream/client';
import type { Context } from './context.js';
import { Value } from './value.js';

/** A source, and how it does. */
export interface SourceInfo extends Source {
  readonly backend: string;
  readonly state: SourceState;
  /** Why it is not LIVE, in the gateway's words. */
  readonly error: string | null;
  readonly rows: number;
  readonly subscribers: number;
  /** How many row changes it has taken since the gateway started. */
  readonly changes: number;
  readonly timestamp: string | null;
  readonly asOf: string | null;
  /** The age of its data in seconds. */
  readonly lag: number | null;
}

type Health = Pick<SourceInfo, 'state' | 'error' | 'rows' | 'subscribers' | 'changes' | 'timestamp' | 'asOf' | 'lag'>;

const health = 'name state error rows subscribers changes timestamp asOf lag';
const description = 'field typePrefix backend primaryKey columns { name databaseName type nullable key enumValues }';

const healthQuery = `{ sources { ${health} } }`;
const fullQuery = `{
  sources { ${health} ${description} }
  __type(name: "Subscription") { fields { name } }
}`;

const every = 2000; // milliseconds

/**
 * Keeps the list of sources: asked gently, described anew when another gateway
 * may be there, and not at all while nobody looks.
 */
export class SourcesList {
  readonly value = new Value<readonly SourceInfo[] | undefined>(undefined);
  /** The gateway has not answered last time. */
  away = false;
  readonly #request: Context['request'];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking = false;
  #again = false;
  #stale = true; // the description is not this gateway's

  constructor(client: Client, request: Context['request']) {
    this.#request = request;
    client.onConnection((connection) => {
      if (connection === 'closed') this.#stale = true;
      if (connection === 'open') this.refresh();
    });
    document.addEventListener('visibilitychange', () => this.refresh());
    this.refresh();
  }

  refresh(): void {
    clearTimeout(this.#timer);
    if (document.hidden) return;
    if (this.#asking) {
      this.#again = true;
      return;
    }
    void this.#ask();
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    try {
      const sources = this.#stale ? await this.#describe() : await this.#look();
      this.away = false;
      this.value.set(sources);
    } catch {
      this.away = true; // the last known list stays
    }
    this.#asking = false;
    clearTimeout(this.#timer);
    if (document.hidden) return;
    this.#timer = setTimeout(() => this.refresh(), this.#again ? 0 : every);
    this.#again = false;
  }

  async #describe(): Promise<readonly SourceInfo[]> {
    interface Answer {
      sources: Omit<SourceInfo, 'naming'>[];
      __type: { fields: { name: string }[] } | null;
    }
    const { sources, __type } = await this.#request<Answer>(fullQuery);
    // A source's columns come with its relation, or later.
    this.#stale = sources.some((s) => s.columns.length === 0);
    const fields = new Set(__type?.fields.map((f) => f.name));
    return sources.map((s) => ({ ...s, naming: fields.has(`${s.field}_columns`) ? 'database' : 'camelCase' }));
  }

  async #look(): Promise<readonly SourceInfo[]> {
    const known = new Map(this.value.get()?.map((s) => [s.name, s]));
    const { sources } = await this.#request<{ sources: ({ name: string } & Health)[] }>(healthQuery);
    if (sources.length !== known.size || sources.some((s) => !known.has(s.name))) return this.#describe();
    return sources.map((s) => ({ ...known.get(s.name)!, ...s }));
  }
}
