import type { SourceInfo } from '../sources-list.js';
import { h, icon, setText } from '../dom.js';
import type { WhereBox } from '../where/box.js';
import type { Chip } from './chips.js';

/** What the reader can ask for. */
export interface BarActions {
  readonly choose: (field: string) => void;
  readonly filter: (where: string) => void;
  readonly pause: (on: boolean) => void;
  readonly keepOrder: (on: boolean) => void;
  readonly exact: (on: boolean) => void;
  readonly settings: (on: boolean) => void;
  readonly code: () => void;
  readonly unsort: () => void;
}

const pictures = {
  pause: 'M5 3v10M11 3v10',
  order: 'M3 4h10M3 8h10M3 12h10M1 1l0 0',
  exact: 'M2 12V4L1 5M5 10.5h.1M8 4h3v8H8zM14 4v8',
  settings: 'M2 4h5M11 4h3M9 2v4M2 11h2M8 11h6M6 9v4',
  code: 'M5 4L1 8l4 4M11 4l4 4-4 4',
};

/** The second bar: the source, the filter, examples of filters, and buttons. */
export class Bar {
  readonly element: HTMLElement;
  readonly #picker: HTMLSelectElement;
  readonly #chips = h('div', { class: 'chips', role: 'group', 'aria-label': 'Filters to try' });
  readonly #second = h('div', { class: 'line small' });
  readonly #order = h('button', { class: 'quiet order', hidden: true });
  readonly #buttons: Record<keyof typeof pictures, HTMLButtonElement>;
  #applied = '';

  constructor(box: WhereBox, actions: BarActions) {
    this.#picker = h('select', { class: 'picker', 'aria-label': 'Source', onchange: () => actions.choose(this.#picker.value) });
    const toggle = (name: keyof typeof pictures, label: string, title: string, act: (on: boolean) => void) => {
      const button = h('button', { title, 'aria-label': label, 'aria-pressed': 'false' }, icon(pictures[name]), h('span', null, label));
      button.addEventListener('click', () => act(button.getAttribute('aria-pressed') !== 'true'));
      return button;
    };
    this.#buttons = {
      pause: toggle('pause', 'Pause', 'Hold the rows as they are; what comes meanwhile is kept', actions.pause),
      order: toggle('order', 'Keep order', 'Rows stay where they are while their values change', actions.keepOrder),
      exact: toggle('exact', 'Exact', 'Every digit as the database has it, instead of formatted numbers', actions.exact),
      settings: toggle('settings', 'Columns', 'Columns, groups, order and styles', actions.settings),
      code: h('button', { 'aria-label': 'Code', title: 'Show the query, and copy it as GraphQL, TypeScript, Go or curl', onclick: actions.code }, icon(pictures.code), h('span', null, 'Code')),
    };
    this.#order.addEventListener('click', actions.unsort);
    this.#chips.addEventListener('click', (event) => {
      const chip = (event.target as Element).closest<HTMLElement>('button');
      if (chip) actions.filter(chip.getAttribute('aria-pressed') === 'true' ? '' : chip.dataset['where']!);
    });
    this.element = h('div', { class: 'grid-bar' },
      h('div', { class: 'line' }, this.#picker, box.element, h('div', { class: 'buttons' }, ...Object.values(this.#buttons))),
      this.#second);
    this.#second.append(this.#chips, this.#order);
    this.ordered('', false, false);
  }

  sources(all: readonly SourceInfo[], selected: string | undefined): void {
    const names = all.map((s) => s.field);
    if (names.join('\n') !== [...this.#picker.options].map((o) => o.value).join('\n')) {
      this.#picker.replaceChildren(...names.map((n) => h('option', { value: n }, n)));
    }
    this.#picker.disabled = names.length === 0;
    if (selected !== undefined) this.#picker.value = selected;
  }

  chips(all: readonly Chip[]): void {
    this.#chips.replaceChildren(...all.map(({ label, where }) => h('button', { class: 'chip mono', 'data-where': where, title: where }, label)));
    this.applied(this.#applied);
    this.#hide();
  }

  /** This filter is on. */
  applied(where: string): void {
    this.#applied = where;
    for (const chip of this.#chips.children) chip.setAttribute('aria-pressed', String((chip as HTMLElement).dataset['where'] === where));
  }

  press(name: 'pause' | 'exact' | 'settings', on: boolean): void {
    this.#buttons[name].setAttribute('aria-pressed', String(on));
    if (name !== 'pause') return;
    const label = on ? 'Resume' : 'Pause';
    setText(this.#buttons.pause.lastElementChild!, label);
    this.#buttons.pause.setAttribute('aria-label', label);
  }

  ordered(words: string, kept: boolean, grouped: boolean): void {
    const { order } = this.#buttons;
    order.setAttribute('aria-pressed', String(kept));
    order.disabled = !kept && (words === '' || grouped);
    this.#order.hidden = words === '';
    setText(this.#order, `${kept ? 'kept as it was, by' : 'sorted by'} ${words}  ×`);
    this.#order.setAttribute('aria-label', `Sorted by ${words}. Remove the order.`);
    this.#hide();
  }

  #hide(): void {
    this.#second.hidden = this.#chips.childElementCount === 0 && this.#order.hidden;
  }
}
