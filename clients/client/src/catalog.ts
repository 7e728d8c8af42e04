import type { Connection } from './connection.js';
import { LiveError, type LiveOptions, type Source } from './types.js';

const query = `query {
  sources { name field typePrefix primaryKey columns { name databaseName type nullable key enumValues } }
  __type(name: "Subscription") { fields { name } }
}`;

interface Answer {
  readonly sources: readonly Omit<Source, 'naming'>[];
  readonly __type: { readonly fields: readonly { readonly name: string }[] } | null;
}

/** What the gateway's schema says of its sources; asked once, until it is forgotten. */
export class Catalog {
  readonly #connection: Connection;
  #known: Promise<readonly Source[]> | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  sources(): Promise<readonly Source[]> {
    this.#known ??= this.#ask().catch((error: unknown) => {
      this.forget();
      throw error;
    });
    return this.#known;
  }

  forget(): void {
    this.#known = undefined;
  }

  /** The source of a name; a LiveError when there is none, or none yet. */
  async find(name: string): Promise<Source> {
    const sources = await this.sources();
    const found = sources.find((s) => s.field === name) ?? sources.find((s) => s.name === name);
    if (!found) {
      this.forget();
      const names = sources.map((s) => s.field).join(', ');
      throw new LiveError(`there is no source ${JSON.stringify(name)}; there are: ${names || 'none'}`, 'UNKNOWN_SOURCE');
    }
    if (found.columns.length === 0) {
      this.forget(); // its relation has not been seen
      throw new LiveError(`the columns of ${found.field} are not known yet`, 'SOURCE_NOT_READY');
    }
    return found;
  }

  async #ask(): Promise<readonly Source[]> {
    const { sources, __type } = await this.#connection.request<Answer>(query, undefined);
    const fields = new Set(__type?.fields.map((f) => f.name));
    return sources.map((s) => ({ ...s, naming: fields.has(`${s.field}_columns`) ? 'database' : 'camelCase' }));
  }
}

/** A subscription of a source's frames in columns, as the field `frames`. */
export interface Plan {
  readonly query: string;
  /** The columns that rows have, `_key` first. */
  readonly columns: readonly string[];
  /** All variables but the cursor. */
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Writes the document for a source. A LiveError names a column that is not there. */
export function plan(source: Source, options: LiveOptions<unknown>): Plan {
  const names = options.columns ?? source.columns.map((c) => c.name);
  const unknown = names.find((n) => n !== '_key' && !source.columns.some((c) => c.name === n));
  if (unknown !== undefined) {
    const there = source.columns.map((c) => c.name).join(', ');
    throw new LiveError(`${source.field} has no column ${JSON.stringify(unknown)}; there are: ${there}`, 'UNKNOWN_COLUMN', `columns.${unknown}`);
  }
  const columns = ['_key', ...new Set(names.filter((n) => n !== '_key'))];
  const where: unknown = typeof options.where === 'function' ? options.where(source) : options.where;
  const camel = source.naming === 'camelCase';
  const given: [argument: string, type: string, variable: string, value: unknown][] = [
    ['where', `${source.typePrefix}Expression`, 'where', where],
    [camel ? 'maxRate' : 'max_rate', 'Float', 'maxRate', options.maxRate],
    [camel ? 'maxRows' : 'max_rows', 'Int', 'maxRows', options.maxRows],
    ['numbers', 'NumberFormat', 'numbers', options.numbers],
  ];
  const used = given.filter(([, , , value]) => value !== undefined);
  const declared = used.map(([, type, variable]) => `$${variable}: ${type}, `).join('');
  const passed = used.map(([argument, , variable]) => `${argument}: $${variable}, `).join('');
  const resume = camel ? 'resumeFrom' : 'resume_from';
  const field = source.field + (camel ? 'Columns' : '_columns');
  return {
    query: `subscription (${declared}$resumeFrom: String) {
  frames: ${field}(${passed}${resume}: $resumeFrom) {
    kind last timestamp cursor asOf sentAt state
    upserts { ${columns.join(' ')} }
    deletes { _key ${source.primaryKey.join(' ')} }
  }
}`,
    columns,
    variables: Object.fromEntries(used.map(([, , variable, value]) => [variable, value])),
  };
}
