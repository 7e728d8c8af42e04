import type { Column, Source } from '@tycostream/client';

/** Prints a filter, the JSON of a variable, as GraphQL's literal on one line. */
export function whereLiteral(where: Readonly<Record<string, unknown>>, source: Pick<Source, 'columns'>): string {
  const columns = new Map(source.columns.map((c) => [c.name, c]));
  return expression(where, columns);
}

type Columns = ReadonlyMap<string, Column>;

function expression(where: unknown, columns: Columns): string {
  if (Array.isArray(where)) return `[${where.map((w) => expression(w, columns)).join(', ')}]`;
  if (!isObject(where)) return literal(where, false);
  return object(where, (name, value) =>
    ['_and', '_or', '_not'].includes(name) ? expression(value, columns) : comparison(value, columns.get(name)));
}

function comparison(value: unknown, column: Column | undefined): string {
  if (!isObject(value)) return literal(value, false);
  return object(value, (name, v) => literal(v, name !== '_is_null' && Boolean(column?.enumValues)));
}

/** Prints any value; an enum's values have no quotes. */
function literal(value: unknown, bare: boolean): string {
  if (Array.isArray(value)) return `[${value.map((v) => literal(v, bare)).join(', ')}]`;
  if (isObject(value)) return object(value, (_, v) => literal(v, bare));
  if (bare && typeof value === 'string' && /^[_A-Za-z]\w*$/.test(value)) return value;
  return JSON.stringify(value); // JSON's strings and numbers are GraphQL's too
}

// A key that is no GraphQL name can only be JSON's: it stands in a variable, never in a literal.
function object(value: Readonly<Record<string, unknown>>, print: (name: string, value: unknown) => string): string {
  return `{${Object.entries(value).map(([name, v]) => `${name}: ${print(name, v)}`).join(', ')}}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a filter can be written as a literal: JSON's keys need not be names. */
export function isWritable(where: unknown): boolean {
  if (Array.isArray(where)) return where.every(isWritable);
  if (!isObject(where)) return true;
  return Object.entries(where).every(([name, value]) => /^[_A-Za-z]\w*$/.test(name) && isWritable(value));
}
