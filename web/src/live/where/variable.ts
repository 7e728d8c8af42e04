import type { Column } from '@tycostream/client';
import { Mistake, parse, type Literal } from './parser.js';

/** What a filter may be made of. */
export interface Shape {
  readonly columns: readonly Column[];
}

/**
 * Turns a filter as it is written into the JSON of a variable, `undefined` for
 * none. Numbers keep their digits: what a double would round, and whatever is
 * compared with BigInt and Decimal, becomes a string. Throws a Mistake.
 */
export function toVariable(text: string, shape: Shape): Record<string, unknown> | undefined {
  const literal = parse(text);
  if (!literal) return undefined;
  return expression(literal, new Map(shape.columns.map((c) => [c.name, c])));
}

type Columns = ReadonlyMap<string, Column>;

function expression(literal: Literal, columns: Columns): Record<string, unknown> {
  if (literal.kind !== 'object') throw new Mistake('a condition stands in braces: {symbol: {_eq: "A"}}', literal);
  return Object.fromEntries(literal.fields.map(({ name, value }) => {
    if (name === '_not') return [name, expression(value, columns)];
    if (name === '_and' || name === '_or') return [name, expressions(value, columns)];
    return [name, comparison(value, columns.get(name))];
  }));
}

function expressions(literal: Literal, columns: Columns): unknown {
  if (literal.kind === 'list') return literal.items.map((item) => expression(item, columns));
  return [expression(literal, columns)]; // one value for a list of one, as GraphQL has it
}

function comparison(literal: Literal, column: Column | undefined): unknown {
  if (literal.kind !== 'object') return value(literal, undefined); // the gateway has the better words
  return Object.fromEntries(literal.fields.map(({ name, value: given }) => [name, value(given, name === '_is_null' ? undefined : column)]));
}

const constants: Readonly<Record<string, boolean | null>> = { true: true, false: false, null: null };

function value(literal: Literal, column: Column | undefined): unknown {
  switch (literal.kind) {
    case 'string':
      return literal.value;
    case 'list':
      return literal.items.map((item) => value(item, column));
    case 'object':
      return Object.fromEntries(literal.fields.map((f) => [f.name, value(f.value, column)]));
    case 'number':
      return numeric(literal.text, column?.type, literal);
    case 'name':
      if (literal.text in constants) return constants[literal.text];
      if (column && !column.enumValues) throw new Mistake(`text stands in quotes: "${literal.text}"`, literal);
      return literal.text;
  }
}

function numeric(text: string, type: string | undefined, place: Literal): unknown {
  if (type === 'BigInt' || type === 'Decimal') return text;
  const double = Number(text);
  if (type === 'Float' && Number.isFinite(double)) return double; // rounded by the database too
  if (exact(text)) return double;
  if (type === undefined || type === 'Integer') return text; // the gateway has the better words
  throw new Mistake(`${text} has more digits than a ${type} can be sent with`, place);
}

/** Reports whether a double stands for just this number. */
export function exact(text: string): boolean {
  const double = Number(text);
  return Number.isFinite(double) && digits(text) === digits(String(double));
}

// A number's digits and exponent, whatever way it is written: 1200, 1.2e3 and
// 1200.0 are all 12e2.
function digits(text: string): string {
  const [, sign, whole, fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text)!;
  const all = (whole! + fraction).replace(/^0+/, '');
  const short = all.replace(/0+$/, '');
  if (short === '') return '0';
  return `${sign}${short}e${Number(exponent) - fraction.length + all.length - short.length}`;
}
