/** A column's name and its direction, as Perspective has them. */
export type Term = readonly [column: string, direction: string];

/** The column of ours that holds the place of each row while the order is kept. */
export const place = '_place';

/** The numbers behind a column of exact texts, to sort by. */
export function numberOf(column: string): string {
  return `${column} (number)`;
}

/** Their expressions. */
export function expressions(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(texts.map((c) => [numberOf(c), `float("${c}")`]));
}

/**
 * Puts numbers in the place of exact texts that somebody has asked to sort by.
 * The grid does not know that a text is sorted already, so that turning it
 * round, and off, is up to us: `before` is the order so far.
 */
export function byNumber(asked: readonly Term[], before: readonly Term[], texts: readonly string[]): Term[] {
  const terms: Term[] = [];
  for (const [column, direction] of asked) {
    if (!texts.includes(column)) {
      // The number's own term stays only while its text is not asked for anew.
      const text = texts.find((t) => numberOf(t) === column);
      if (text === undefined || !asked.some(([c]) => c === text)) terms.push([column, direction]);
      continue;
    }
    const now = before.find(([c]) => c === numberOf(column))?.[1];
    if (now === undefined) terms.push([numberOf(column), direction]);
    else if (now.startsWith('desc')) terms.push([numberOf(column), now.replace('desc', 'asc')]);
  }
  return terms;
}

/** Says an order in words: `marketValue ↓, symbol ↑`. */
export function inWords(terms: readonly Term[], texts: readonly string[]): string {
  const name = (column: string) => texts.find((t) => numberOf(t) === column) ?? column;
  return terms.map(([column, direction]) => `${name(column)} ${direction.includes('asc') ? '↑' : '↓'}`).join(', ');
}
