import { freshId, h } from '../dom.js';
import { complete, type Completion, type Seen, type Suggestion } from './complete.js';
import type { FilterSchema } from './schema.js';

/** What a {@link WhereBox} needs to know. */
export interface BoxOptions {
  /** The reader wants this filter. */
  readonly apply: (text: string) => void;
  readonly schema: () => FilterSchema | undefined;
  readonly seen: Seen;
}

const most = 60;

/** A line for a filter, with suggestions: a combobox that Enter applies. */
export class WhereBox {
  readonly element: HTMLElement;
  readonly input: HTMLInputElement;
  readonly #clear: HTMLButtonElement;
  readonly #list: HTMLElement;
  readonly #options: BoxOptions;
  #completion: Completion = { from: 0, to: 0, suggestions: [] };
  #active = -1;
  #applied = '';

  constructor(options: BoxOptions, describedBy: string) {
    this.#options = options;
    const list = freshId('suggestions');
    this.#list = h('div', { id: list, class: 'suggestions', role: 'listbox', 'aria-label': 'Suggestions', hidden: true });
    this.input = h('input', {
      id: 'where', class: 'mono', role: 'combobox', placeholder: '{column: {_eq: …}}', spellcheck: 'false', autocomplete: 'off', autocapitalize: 'off',
      'aria-label': 'Filter', 'aria-autocomplete': 'list', 'aria-expanded': 'false', 'aria-controls': list, 'aria-describedby': describedBy,
      title: 'A filter, as in GraphQL: {symbol: {_like: "A%"}}. Enter applies it, Ctrl+Space suggests.',
    });
    this.#clear = h('button', { class: 'quiet square clear', 'aria-label': 'Remove the filter', hidden: true, onclick: () => this.#wipe() }, '×');
    this.element = h('div', { class: 'where' }, h('label', { class: 'muted mono', for: 'where' }, 'where'), this.input, this.#clear, this.#list);
    this.input.addEventListener('input', () => this.#typed());
    this.input.addEventListener('keydown', (event) => this.#key(event));
    this.input.addEventListener('click', () => this.#suggest());
    this.input.addEventListener('focus', () => {
      if (this.text === '') this.#suggest();
    });
    this.input.addEventListener('blur', () => this.#close());
    this.#list.addEventListener('mousedown', (event) => event.preventDefault()); // the focus stays
    this.#list.addEventListener('click', (event) => this.#clicked(event));
  }

  get text(): string {
    return this.input.value;
  }

  /** Writes a filter into it, which is the one that is applied. */
  show(text: string): void {
    this.input.value = text;
    this.applied(text);
    this.#close();
  }

  /** This filter is applied now. */
  applied(text: string): void {
    this.#applied = text.trim();
    this.#mark();
  }

  /** Points at a part of the text that is wrong. */
  point(start: number, end: number): void {
    if (document.activeElement === this.input) this.input.setSelectionRange(start, Math.max(end, start));
  }

  #mark(): void {
    this.#clear.hidden = this.text === '';
    this.element.classList.toggle('changed', this.text.trim() !== this.#applied);
  }

  #wipe(): void {
    this.input.value = '';
    this.input.focus();
    this.#close();
    this.#apply();
  }

  #apply(): void {
    this.#close();
    this.#mark();
    this.#options.apply(this.text);
  }

  #typed(): void {
    this.#mark();
    this.#suggest();
  }

  #suggest(): void {
    const schema = this.#options.schema();
    const cursor = this.input.selectionStart;
    if (!schema || cursor === null || cursor !== this.input.selectionEnd) return this.#close();
    this.#completion = complete(this.text, cursor, schema, this.#options.seen);
    const suggestions = this.#completion.suggestions.slice(0, most);
    if (suggestions.length === 0) return this.#close();
    this.#list.replaceChildren(...suggestions.map((s, i) => this.#option(s, i)));
    this.#list.hidden = false;
    this.input.setAttribute('aria-expanded', 'true');
    this.#list.style.left = `${Math.max(this.#place() - 10, 0)}px`;
    this.#activate(-1);
  }

  #option({ label, detail }: Suggestion, i: number): HTMLElement {
    return h('div', { id: `${this.#list.id}-${i}`, role: 'option', 'aria-selected': 'false', 'data-index': i },
      h('span', { class: 'mono' }, label), h('span', { class: 'muted' }, detail));
  }

  // Under the word that is completed; the font has one width for all letters.
  #place(): number {
    const style = getComputedStyle(this.input);
    const context = document.createElement('canvas').getContext('2d')!;
    context.font = style.font;
    const left = this.input.offsetLeft + parseFloat(style.paddingLeft);
    const at = left + context.measureText(this.text.slice(0, this.#completion.from)).width - this.input.scrollLeft;
    return Math.min(at, this.element.clientWidth - Math.min(340, this.element.clientWidth));
  }

  #activate(index: number): void {
    this.#active = index;
    [...this.#list.children].forEach((option, i) => option.setAttribute('aria-selected', String(i === index)));
    const active = this.#list.children[index];
    if (active) this.input.setAttribute('aria-activedescendant', active.id);
    else this.input.removeAttribute('aria-activedescendant');
    active?.scrollIntoView({ block: 'nearest' });
  }

  #close(): void {
    this.#list.hidden = true;
    this.#active = -1;
    this.input.setAttribute('aria-expanded', 'false');
    this.input.removeAttribute('aria-activedescendant');
  }

  #key(event: KeyboardEvent): void {
    const open = !this.#list.hidden;
    const count = this.#list.childElementCount;
    const handled = (() => {
      switch (event.key) {
        case 'ArrowDown':
          if (open) this.#activate((this.#active + 1) % count);
          else this.#suggest();
          return true;
        case 'ArrowUp':
          if (open) this.#activate(this.#active < 0 ? count - 1 : this.#active - 1);
          return open;
        case 'Enter':
          if (open && this.#active >= 0) this.#pick(this.#active);
          else this.#apply();
          return true;
        case 'Tab':
          if (!open || event.shiftKey || (this.#active < 0 && !this.#touching())) return false;
          this.#pick(Math.max(this.#active, 0));
          return true;
        case 'Escape':
          if (!open) return false;
          this.#close();
          return true;
        case ' ':
          if (!event.ctrlKey) return false;
          this.#suggest();
          return true;
        default:
          return false;
      }
    })();
    if (handled) event.preventDefault();
  }

  /** Whether a word is being typed: then Tab completes it, and does not leave. */
  #touching(): boolean {
    return this.#completion.from < (this.input.selectionStart ?? 0);
  }

  #clicked(event: MouseEvent): void {
    const option = (event.target as Element).closest('[role=option]');
    if (option) this.#pick(Number((option as HTMLElement).dataset['index']));
  }

  #pick(index: number): void {
    const { from, to, suggestions } = this.#completion;
    const { insert, caret } = suggestions[index]!;
    this.input.setRangeText(insert, from, to, 'end');
    this.input.setSelectionRange(from + caret, from + caret);
    this.#typed();
  }
}
