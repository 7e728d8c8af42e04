import type { Column } from '@tycostream/client';
import { tokens, type Token } from './lexer.js';
import type { FilterSchema, Operator } from './schema.js';

/** Something that may stand at the cursor. */
export interface Suggestion {
  readonly label: string;
  readonly detail: string;
  /** What replaces the text from `from` to `to`; `caret` is where the cursor goes, counted in it. */
  readonly insert: string;
  readonly caret: number;
}

export interface Completion {
  readonly from: number;
  readonly to: number;
  readonly suggestions: readonly Suggestion[];
}

/** Values that are often seen in a column, the most frequent first. */
export type Seen = (column: string) => readonly string[];

const none: Completion = { from: 0, to: 0, suggestions: [] };

/** What may stand at the cursor of an unfinished filter. */
export function complete(text: string, cursor: number, schema: FilterSchema, seen: Seen = () => []): Completion {
  const before = tokens(text.slice(0, cursor));
  const last = before.at(-1);
  const open = last?.kind === 'mistake' && last.text.startsWith('"') && !last.text.startsWith('"""');
  const touching = open || ((last?.kind === 'name' || last?.kind === 'number') && last.end === cursor);
  if (last?.kind === 'mistake' && !open) return none;
  const place = placeAt(touching ? before.slice(0, -1) : before, schema);
  const from = touching ? last!.start : cursor;
  const typed = touching ? last!.text.replace(/^"/, '') : '';
  // What stands after the cursor and belongs to the same word is replaced too.
  const rest = text.slice(cursor);
  const to = cursor + (touching && !open ? /^\w*/.exec(rest)![0].length : 0);
  const after = text.slice(to);
  return { from, to, suggestions: rank(options(place, schema, seen, open, after), typed) };
}

/** Where in a filter something stands. */
type Place =
  | { readonly kind: 'start' }
  | { readonly kind: 'expression' } // a column's name, or _and _or _not
  | { readonly kind: 'operator'; readonly column: Column }
  | { readonly kind: 'value'; readonly column: Column; readonly operator: Operator; readonly inList: boolean }
  | { readonly kind: 'braces'; readonly column: Column | undefined; readonly list: boolean } // after "symbol:" or "_and:"
  | { readonly kind: 'elsewhere' };

interface Level {
  readonly kind: 'expression' | 'comparison' | 'expressions' | 'values' | 'unknown';
  readonly column?: Column | undefined;
  readonly operator?: Operator | undefined;
  /** The name that was read last, and whether its colon was. */
  name?: string | undefined;
  colon?: boolean;
}

// Follows the brackets to the cursor. What is finished within a level leaves no trace.
function placeAt(before: readonly Token[], schema: FilterSchema): Place {
  const levels: Level[] = [];
  for (const token of before) {
    const top = levels.at(-1);
    switch (token.text) {
      case '{':
      case '[':
        levels.push(inner(top, token.text, schema));
        break;
      case '}':
      case ']': {
        levels.pop();
        const outer = levels.at(-1);
        if (outer) outer.name = undefined;
        break;
      }
      case ':':
        if (top) top.colon = true;
        break;
      default:
        if (!top) {
          levels.push({ kind: 'expression', name: token.value, colon: false }); // the outermost braces may be left out
        } else if (top.name !== undefined && top.colon) {
          top.name = undefined; // its value
        } else {
          top.name = token.value;
          top.colon = false;
        }
    }
  }
  return placeIn(levels.at(-1), before.length === 0, schema);
}

function inner(top: Level | undefined, bracket: string, schema: FilterSchema): Level {
  if (!top) return { kind: bracket === '{' ? 'expression' : 'unknown' };
  if (top.kind === 'expressions') return { kind: bracket === '{' ? 'expression' : 'unknown' };
  if (top.kind === 'expression') {
    if (top.name === '_and' || top.name === '_or') return { kind: bracket === '[' ? 'expressions' : 'expression' };
    if (top.name === '_not') return { kind: 'expression' };
    const column = schema.columns.find((c) => c.name === top.name);
    return column ? { kind: 'comparison', column } : { kind: 'unknown' };
  }
  if (top.kind === 'comparison') {
    const operator = schema.operators.get(top.column!.name)?.find((o) => o.name === top.name);
    if (operator?.list && bracket === '[') return { kind: 'values', column: top.column, operator };
  }
  return { kind: 'unknown' };
}

function placeIn(top: Level | undefined, first: boolean, schema: FilterSchema): Place {
  if (!top) return { kind: first ? 'start' : 'elsewhere' };
  switch (top.kind) {
    case 'values':
      return { kind: 'value', column: top.column!, operator: top.operator!, inList: true };
    case 'expressions':
      return { kind: 'braces', column: undefined, list: false };
    case 'expression':
      if (top.name === undefined) return { kind: 'expression' };
      if (!top.colon) return { kind: 'elsewhere' };
      if (top.name === '_and' || top.name === '_or') return { kind: 'braces', column: undefined, list: true };
      return { kind: 'braces', column: schema.columns.find((c) => c.name === top.name), list: false };
    case 'comparison': {
      if (top.name === undefined) return { kind: 'operator', column: top.column! };
      const operator = schema.operators.get(top.column!.name)?.find((o) => o.name === top.name);
      if (top.colon && operator) return { kind: 'value', column: top.column!, operator, inList: false };
      return { kind: 'elsewhere' };
    }
    default:
      return { kind: 'elsewhere' };
  }
}

function options(place: Place, schema: FilterSchema, seen: Seen, open: boolean, after: string): Suggestion[] {
  switch (place.kind) {
    case 'start':
      return names(schema, after).map((s) => ({ ...s, insert: `{${s.insert}}`, caret: s.caret + 1 }));
    case 'expression':
      return names(schema, after);
    case 'operator':
      return (schema.operators.get(place.column.name) ?? []).map((o) => named(o.name, meaning(o), operand(o), after));
    case 'braces':
      return [place.list ? within('[{}]', 'a list of conditions', 2) : within('{}', place.column?.type ?? 'conditions', 1)];
    case 'value':
      return values(place.column, place.operator, seen, open, place.inList, after);
    case 'elsewhere':
      return [];
  }
}

function names(schema: FilterSchema, after: string): Suggestion[] {
  return [
    ...schema.columns.filter((c) => schema.operators.has(c.name)).map((c) => named(c.name, c.key ? `${c.type}, key` : c.type, '{}', after)),
    named('_and', 'all of a list', '[{}]', after),
    named('_or', 'one of a list', '[{}]', after),
    named('_not', 'the opposite', '{}', after),
  ];
}

// A name with its colon and the brackets that its value stands in, unless a colon follows already.
function named(label: string, detail: string, brackets: string, after: string): Suggestion {
  if (/^\s*:/.test(after)) return { label, detail, insert: label, caret: label.length };
  const insert = `${label}: ${brackets}`;
  return { label, detail, insert, caret: insert.length - Math.floor(brackets.length / 2) };
}

function within(label: string, detail: string, caret: number): Suggestion {
  return { label, detail, insert: label, caret };
}

const texts = new Set(['String', 'ID']);

function operand(operator: Operator): string {
  if (operator.list) return '[]';
  return texts.has(operator.type) ? '""' : '';
}

const meanings: Readonly<Record<string, string>> = {
  _eq: 'equal', _neq: 'not equal', _gt: 'greater', _gte: 'greater or equal', _lt: 'less', _lte: 'less or equal',
  _in: 'one of', _nin: 'none of', _is_null: 'null or not',
  _like: 'pattern: % any text, _ any character', _nlike: 'not this pattern', _ilike: 'pattern, any case', _nilike: 'not this pattern, any case',
  _regex: 'regular expression', _iregex: 'the same, any case', _nregex: 'not this expression', _niregex: 'the same, any case',
  _contains: 'contains this JSON', _has_key: 'has this key',
};

function meaning(operator: Operator): string {
  return meanings[operator.name] ?? operator.type;
}

function values(column: Column, operator: Operator, seen: Seen, open: boolean, inList: boolean, after: string): Suggestion[] {
  if (operator.list && !inList) return [within('[]', `a list of ${column.type}`, 1)];
  if (operator.type === 'Boolean') return open ? [] : ['true', 'false'].map((v) => within(v, '', v.length));
  const known = column.enumValues;
  if (known) return open ? [] : known.map((v) => within(v, column.type, v.length));
  const quote = !/^(Int|Float|Boolean)$/.test(operator.type);
  if (!quote && open) return [];
  const close = open && /^[^"]*"/.test(after) ? '' : '"'; // the closing one may be there already
  return seen(column.name).map((v) => {
    const written = JSON.stringify(v);
    const insert = quote ? written.slice(0, -1) + close : v;
    return { label: v, detail: 'seen', insert, caret: insert.length + (close === '' ? 1 : 0) };
  });
}

// Those that begin with what is typed, then those that hold it somewhere.
function rank(all: readonly Suggestion[], typed: string): Suggestion[] {
  const wanted = typed.toLowerCase();
  const at = (s: Suggestion) => s.label.toLowerCase().indexOf(wanted);
  const found = all.filter((s) => at(s) >= 0);
  if (found.length === 1 && found[0]!.label === typed && found[0]!.insert === typed) return []; // nothing to add
  return [...found.filter((s) => at(s) === 0), ...found.filter((s) => at(s) > 0)];
}
