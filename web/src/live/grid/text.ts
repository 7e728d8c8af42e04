import { isId, numberFormat, type Look } from './look.js';
import { isNumeric, type Profile } from './sample.js';
import type { Wish } from './widths.js';

const family = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif";
const arrow = 16; // the mark of an order, in a heading

/** How wide the columns' texts are. Columns of numbers have digits of one width. */
export function measured(profiles: readonly Profile[], looks: Readonly<Record<string, Look>>, font: number): Wish[] {
  const context = document.createElement('canvas').getContext('2d')!;
  const width = (text: string, bold = false) => {
    context.font = `${bold ? 'bold ' : ''}${font}px ${family}`;
    return context.measureText(text).width;
  };
  return profiles.map((p) => {
    const texts = longest(p).map((text) => width(text, looks[p.column.name]?.bold));
    return { name: p.column.name, content: Math.max(width(p.column.name) + arrow, ...texts), stretch: isId(p.column) ? 0.3 : 1 };
  });
}

/** The texts that a column must have room for: a few that are far longer than all others may be cut. */
function longest(p: Profile): string[] {
  const { column, numbers, texts } = p;
  if (texts.length === 0) {
    if (column.type === 'Timestamp') return ['00/00/0000, 00:00:00.000'];
    if (column.type === 'Date') return ['00/00/0000'];
    if (!numbers) return isNumeric(column) ? ['-000,000.00'] : []; // for what may come
    // Room for a digit and a sign more than there are now.
    const format = new Intl.NumberFormat(navigator.languages as string[], numberFormat(p));
    return [`-0${format.format(Math.max(Math.abs(numbers.min), Math.abs(numbers.max)))}`];
  }
  const sorted = [...texts].sort((a, b) => a.text.length - b.text.length);
  const usual = sorted[Math.floor(0.98 * (sorted.length - 1))];
  return usual ? [usual.text.slice(0, 80)] : [];
}
