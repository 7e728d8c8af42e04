import { h, setText, svg } from './dom.js';

/** What the header tells of the rows that are looked at. */
export interface Reading {
  readonly rows: number;
  /** Rows that came or left since the page was opened. */
  readonly received: number;
  /** The age of the data in milliseconds. */
  readonly age: number | undefined;
  /** Of who does not say it by {@link Vitals.state}. */
  readonly state?: readonly [state: string, text: string, detail: string];
}

const every = 500; // milliseconds
const points = 36;
const [width, height] = [72, 20];

/** The right side of the header: state, rows, updates a second, and how old they are. */
export class Vitals {
  readonly element: HTMLElement;
  readonly #pill = h('span', { class: 'pill', role: 'status', 'data-state': 'connecting' }, 'connecting');
  readonly #rows = h('b');
  readonly #rate = h('b');
  readonly #age = h('b');
  readonly #line = svg('polyline', { points: '' });
  readonly #rates: number[] = new Array<number>(points).fill(0);
  #read: (() => Reading | undefined) | undefined;
  #last: { readonly received: number | undefined; readonly at: number } = { received: undefined, at: 0 };

  constructor() {
    const spark = svg('svg', { class: 'spark', viewBox: `0 0 ${width} ${height}`, width, height, 'aria-hidden': 'true' }, this.#line);
    this.element = h('div', { class: 'vitals' },
      this.#pill,
      h('span', { class: 'vital' }, this.#rows, ' rows'),
      h('span', { class: 'vital rate' }, this.#rate, ' updates/s', spark),
      h('span', { class: 'vital age', title: 'How old the data is: from the database\'s clock at the change to now' }, this.#age, ' old'));
    this.#show(undefined, 0);
    setInterval(() => this.#tick(), every);
  }

  /** Says how it goes; the detail is for who wants to know. */
  state(state: string, text: string, detail = ''): void {
    this.#pill.dataset['state'] = state;
    this.#pill.title = detail;
    setText(this.#pill, text);
  }

  /** Looks there twice a second from now on. */
  watch(read: () => Reading | undefined): void {
    this.#read = read;
    this.#last = { received: read()?.received, at: performance.now() };
    this.#tick();
  }

  #tick(): void {
    const reading = this.#read?.();
    if (reading?.state) this.state(...reading.state);
    const now = performance.now();
    const seconds = (now - this.#last.at) / 1000;
    if (seconds < 0.2) return this.#show(reading, this.#rates.at(-1)!);
    const { received } = this.#last;
    const rate = reading && received !== undefined ? Math.max(reading.received - received, 0) / seconds : 0;
    this.#last = { received: reading?.received, at: now };
    this.#rates.push(rate);
    this.#rates.shift();
    const recent = this.#rates.slice(-4); // two seconds: a database that ticks once a second is steady too
    this.#show(reading, recent.reduce((a, b) => a + b, 0) / recent.length);
  }

  #show(reading: Reading | undefined, rate: number): void {
    setText(this.#rows, reading ? reading.rows.toLocaleString('en') : '–');
    setText(this.#rate, reading ? Math.round(rate).toLocaleString('en') : '–');
    setText(this.#age, reading?.age === undefined ? '–' : ageText(reading.age));
    const top = Math.max(...this.#rates, 1);
    const places = this.#rates.map((r, i) => `${((i * width) / (points - 1)).toFixed(1)},${(height - 2 - (r / top) * (height - 4)).toFixed(1)}`);
    this.#line.setAttribute('points', places.join(' '));
  }
}

/** `12 ms`, `3.4 s`, `2 min`. */
export function ageText(age: number): string {
  if (age < 1000) return `${Math.round(age)} ms`;
  if (age < 100_000) return `${(age / 1000).toFixed(1)} s`;
  return `${Math.round(age / 60_000)} min`;
}
