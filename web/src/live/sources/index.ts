import './style.css';
import type { Context, Tab } from '../context.js';
import { h, setText } from '../dom.js';
import type { SourceInfo } from '../sources-list.js';
import { Value } from '../value.js';
import { amount, Rate, span } from './rate.js';

/** What the states of a source are called, and look like (`.pill`). */
const pills = { STARTING: 'connecting', LIVE: 'live', STALE: 'stale', FAILED: 'error' } as const;

/** How the sources do: state, rows, rate, lag, subscribers, errors, columns. */
export function sourcesTab(): Tab {
  const badge = new Value<number | undefined>(undefined);
  return {
    id: 'sources',
    name: 'Sources',
    badge,
    mount(root, ctx) {
      const list = h('div', { class: 'sources' });
      const empty = h('p', { class: 'notice' }, 'Asking the gateway for its sources …');
      root.append(empty, list);
      const cards = new Map<string, Card>();
      ctx.sources.watch((sources) => {
        badge.set(sources?.length);
        if (!sources) return;
        empty.hidden = sources.length > 0;
        setText(empty, 'The gateway has no sources: schema.yaml names them.');
        const gone = new Set(cards.keys());
        for (const source of sources) {
          gone.delete(source.name);
          let card = cards.get(source.name);
          if (!card) cards.set(source.name, (card = new Card(ctx, source)));
          if (card.element.parentNode !== list) list.append(card.element);
          card.show(source);
        }
        for (const name of gone) {
          cards.get(name)!.element.remove();
          cards.delete(name);
        }
      });
    },
    shown() {},
    hidden() {},
  };
}

/** One source. */
class Card {
  readonly element: HTMLElement;
  readonly #pill = h('span', { class: 'pill' });
  readonly #error = h('p', { class: 'error source-error', hidden: true });
  readonly #figures: Record<'rows' | 'rate' | 'lag' | 'subscribers' | 'timestamp', HTMLElement>;
  readonly #columns = h('tbody');
  readonly #rate = new Rate();
  #described = '';

  constructor(ctx: Context, source: SourceInfo) {
    const figure = () => h('dd', { class: 'number' });
    this.#figures = { rows: figure(), rate: figure(), lag: figure(), subscribers: figure(), timestamp: h('dd', { class: 'mono' }) };
    const { rows, rate, lag, subscribers, timestamp } = this.#figures;
    const titled = (title: string, value: HTMLElement) => h('div', null, h('dt', null, title), value);
    const show = () => {
      ctx.selected.set(source.field);
      ctx.go('grid', source.field);
    };
    this.element = h('article', { class: 'card source', 'aria-label': `Source ${source.name}` },
      h('header', null,
        h('h2', null, source.field),
        h('span', { class: 'muted' }, source.name === source.field ? source.backend : `${source.name} · ${source.backend}`),
        this.#pill,
        h('button', { onclick: show }, 'Open in grid')),
      this.#error,
      h('dl', null, titled('Rows', rows), titled('Changes/s', rate), titled('Age of data', lag), titled('Subscribers', subscribers), titled('Upstream time', timestamp)),
      h('details', null,
        h('summary', null, 'Columns'),
        h('div', { class: 'scroll' },
          h('table', { class: 'plain' },
            h('thead', null, h('tr', null, ...['Column', 'In the database', 'Type', 'Key', 'Null'].map((t) => h('th', { scope: 'col' }, t)))),
            this.#columns))));
  }

  show(source: SourceInfo): void {
    const { rows, rate, lag, subscribers, timestamp } = this.#figures;
    this.#pill.dataset['state'] = pills[source.state];
    setText(this.#pill, source.state.toLowerCase());
    setText(this.#error, source.error ?? '');
    this.#error.hidden = source.error === null;
    setText(rows, amount(source.rows));
    setText(rate, amount(this.#rate.take(source.changes, performance.now()), 1));
    setText(lag, span(source.lag));
    setText(subscribers, amount(source.subscribers));
    setText(timestamp, source.timestamp ?? '–');
    this.#describe(source);
  }

  #describe({ columns }: SourceInfo): void {
    const text = JSON.stringify(columns);
    if (text === this.#described) return;
    this.#described = text;
    this.#columns.replaceChildren(...columns.map((c) => h('tr', null,
      h('td', { class: 'mono' }, c.name),
      h('td', { class: 'mono muted' }, c.databaseName),
      h('td', null, c.enumValues ? `${c.type} (${c.enumValues.join(', ')})` : c.type),
      h('td', null, c.key ? 'key' : ''),
      h('td', null, c.nullable ? 'may be null' : ''))));
  }
}
