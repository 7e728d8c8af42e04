/** A piece of a filter. `end` is the place after its last character. */
export interface Token {
  readonly kind: 'punctuation' | 'name' | 'string' | 'number' | 'mistake';
  /** As it is written; of punctuation the character. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** Of a string, what it stands for. Of a mistake, what is wrong. */
  readonly value: string;
}

const ignored = /(?:[\s,\uFEFF]|#[^\n\r]*)+/y; // commas mean nothing in GraphQL
const name = /[_A-Za-z][_0-9A-Za-z]*/y;
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const word = /[^\s,{}[\]:"#]+/y;
const punctuation = '{}[]:';

/** Splits a filter, GraphQL's literal or JSON. A mistake is a token too: the end of what could be read. */
export function tokens(text: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  while (at < text.length) {
    at = match(ignored, text, at) ?? at;
    if (at >= text.length) break;
    const token = next(text, at);
    found.push(token);
    at = token.end;
  }
  return found;
}

function next(text: string, start: number): Token {
  const char = text[start]!;
  if (punctuation.includes(char)) return { kind: 'punctuation', text: char, start, end: start + 1, value: char };
  if (char === '"') return quoted(text, start);
  const named = match(name, text, start);
  if (named !== undefined) return piece('name', text, start, named);
  const numbered = match(number, text, start);
  const end = match(word, text, start) ?? start + 1;
  if (numbered === end) return piece('number', text, start, end);
  return mistake(text, start, end, `${text.slice(start, end)} is no value: text stands in "quotes"`);
}

const escapes: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

function quoted(text: string, start: number): Token {
  if (text.startsWith('"""', start)) return block(text, start);
  let value = '';
  for (let at = start + 1; at < text.length; at++) {
    const char = text[at]!;
    if (char === '"') return { kind: 'string', text: text.slice(start, at + 1), start, end: at + 1, value };
    if (char === '\n' || char === '\r') break;
    if (char !== '\\') {
      value += char;
      continue;
    }
    const escape = text[++at] ?? '';
    if (escape === 'u') {
      const code = /^(?:([0-9a-fA-F]{4})|\{([0-9a-fA-F]{1,6})\})/.exec(text.slice(at + 1));
      const point = parseInt(code?.[1] ?? code?.[2] ?? '', 16);
      if (!(point <= 0x10ffff)) return mistake(text, start, text.length, '\\u wants four digits, as in \\u00e9');
      value += String.fromCodePoint(point);
      at += code![0].length;
    } else if (escape in escapes) {
      value += escapes[escape];
    } else if (escape !== '') {
      return mistake(text, start, text.length, `\\${escape} means nothing in a string: a backslash is written \\\\`);
    }
  }
  return mistake(text, start, text.length, 'the string does not end: a " is missing');
}

// """ ... """ as GraphQL has it, on one line: only \""" is special.
function block(text: string, start: number): Token {
  const found = /^"""((?:\\"""|(?!""")[^])*)"""/.exec(text.slice(start));
  if (!found) return mistake(text, start, text.length, 'the string does not end: """ is missing');
  const end = start + found[0].length;
  return { kind: 'string', text: found[0], start, end, value: found[1]!.replaceAll('\\"""', '"""') };
}

function piece(kind: Token['kind'], text: string, start: number, end: number): Token {
  const written = text.slice(start, end);
  return { kind, text: written, start, end, value: written };
}

function mistake(text: string, start: number, end: number, value: string): Token {
  return { kind: 'mistake', text: text.slice(start, end), start, end, value };
}

function match(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}
