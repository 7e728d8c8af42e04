import { tokens, type Token } from './lexer.js';

/** A value as it is written, with its place. */
export type Literal = { readonly start: number; readonly end: number } & (
  | { readonly kind: 'object'; readonly fields: readonly Field[] }
  | { readonly kind: 'list'; readonly items: readonly Literal[] }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'name'; readonly text: string } // true, false, null, or an enum's value
);

export interface Field {
  readonly name: string;
  readonly value: Literal;
  /** The place of the name. */
  readonly start: number;
  readonly end: number;
}

/** What is wrong with a filter, and where. */
export class Mistake extends Error {
  readonly start: number;
  readonly end: number;

  constructor(message: string, place: { readonly start: number; readonly end: number }) {
    super(message);
    this.start = place.start;
    this.end = place.end;
  }
}

/**
 * Reads a filter: `{symbol: {_like: "A%"}}`, or the same in JSON, with or
 * without the outermost braces. Nothing is `undefined`. Throws a Mistake.
 */
export function parse(text: string): (Literal & { kind: 'object' }) | undefined {
  const all = tokens(text);
  if (all.length === 0) return undefined;
  return new Parser(text, all).filter();
}

class Parser {
  readonly #length: number;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string, all: readonly Token[]) {
    this.#length = text.length;
    this.#tokens = all;
  }

  filter(): Literal & { kind: 'object' } {
    const first = this.#tokens[0]!;
    if (first.text === '{') {
      const value = this.#object();
      if (this.#peek()) throw this.#unexpected('nothing may follow the last }');
      return value;
    }
    if (first.kind !== 'name' && first.kind !== 'string') throw this.#unexpected('a filter begins with {');
    const fields: Field[] = [];
    while (this.#peek()) fields.push(this.#field());
    return { kind: 'object', fields: unique(fields), start: first.start, end: this.#length };
  }

  #value(): Literal {
    const token = this.#peek();
    switch (token?.kind) {
      case 'punctuation':
        if (token.text === '{') return this.#object();
        if (token.text === '[') return this.#list();
        break;
      case 'string':
        this.#at++;
        return { kind: 'string', value: token.value, start: token.start, end: token.end };
      case 'number':
      case 'name':
        this.#at++;
        return { kind: token.kind, text: token.text, start: token.start, end: token.end };
    }
    throw this.#unexpected('a value is missing');
  }

  #object(): Literal & { kind: 'object' } {
    const open = this.#take('{');
    const fields: Field[] = [];
    while (this.#peek()?.text !== '}') {
      if (!this.#peek()) throw this.#unexpected('a } is missing');
      fields.push(this.#field());
    }
    const { end } = this.#take('}');
    return { kind: 'object', fields: unique(fields), start: open.start, end };
  }

  #list(): Literal {
    const open = this.#take('[');
    const items: Literal[] = [];
    while (this.#peek()?.text !== ']') {
      if (!this.#peek()) throw this.#unexpected('a ] is missing');
      items.push(this.#value());
    }
    const { end } = this.#take(']');
    return { kind: 'list', items, start: open.start, end };
  }

  #field(): Field {
    const token = this.#peek();
    if (token?.kind !== 'name' && token?.kind !== 'string') throw this.#unexpected('a name is expected');
    this.#at++;
    if (this.#peek()?.text !== ':') throw this.#unexpected(`a : is missing after ${token.value}`);
    this.#at++;
    return { name: token.value, value: this.#value(), start: token.start, end: token.end };
  }

  #peek(): Token | undefined {
    const token = this.#tokens[this.#at];
    if (token?.kind === 'mistake') throw new Mistake(token.value, token);
    return token;
  }

  #take(text: string): Token {
    const token = this.#peek();
    if (token?.text !== text) throw this.#unexpected(`a ${text} is missing`);
    this.#at++;
    return token;
  }

  #unexpected(message: string): Mistake {
    const token = this.#tokens[this.#at];
    const found = token ? `, here is ${token.text}` : '';
    return new Mistake(message + found, token ?? { start: this.#length, end: this.#length });
  }
}

// GraphQL refuses a field that stands twice; JSON would let the last one win.
function unique(fields: readonly Field[]): readonly Field[] {
  const names = new Set<string>();
  for (const field of fields) {
    if (names.has(field.name)) throw new Mistake(`${field.name} stands twice: put the two into _and: [{...}, {...}]`, field);
    names.add(field.name);
  }
  return fields;
}
