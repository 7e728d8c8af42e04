/** What a column would like to be. */
export interface Wish {
  readonly name: string;
  /** The width of its widest usual text, or of its heading, in pixels. */
  readonly content: number;
  /** How much of what is left it takes, beside the others; 1 is usual. */
  readonly stretch: number;
}

/** Left and right of a text, together. */
export const padding = 16;
const least = 56;
const widest = 420;

/** Gives columns their widths, and what is left of the page to all of them by their size. */
export function widths(wishes: readonly Wish[], available: number): Record<string, number> {
  const natural = wishes.map((w) => Math.round(Math.min(Math.max(w.content + padding, least), widest)));
  const weights = natural.map((n, i) => n * wishes[i]!.stretch);
  const spare = Math.max(available - sum(natural), 0);
  const shares = weights.map((w) => Math.floor((spare * w) / (sum(weights) || 1)));
  const last = weights.findLastIndex((w) => w > 0);
  if (last >= 0) shares[last]! += spare - sum(shares);
  return Object.fromEntries(wishes.map((w, i) => [w.name, natural[i]! + shares[i]!]));
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
