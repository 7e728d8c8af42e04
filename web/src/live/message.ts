import { h, setText } from './dom.js';

/** What is wrong with a filter, or with the rows; long texts unfold. */
export class Message {
  readonly element: HTMLElement;
  readonly #text = h('span', { class: 'text' });
  readonly #more: HTMLButtonElement;

  constructor(id: string) {
    this.#more = h('button', { class: 'quiet', 'aria-expanded': 'false', onclick: () => this.#toggle() }, 'more');
    this.element = h('div', { id, class: 'message', role: 'alert', hidden: true }, this.#text, this.#more);
    new ResizeObserver(() => this.#measure()).observe(this.element);
  }

  show(text: string, kind: 'error' | 'warn' = 'error'): void {
    this.element.dataset['kind'] = kind;
    setText(this.#text, text);
    if (text !== this.#text.title) this.element.classList.remove('open');
    this.#text.title = text;
    this.element.hidden = text === '';
    this.#measure();
  }

  #toggle(): void {
    const open = this.element.classList.toggle('open');
    this.#more.setAttribute('aria-expanded', String(open));
    setText(this.#more, open ? 'less' : 'more');
  }

  #measure(): void {
    const open = this.element.classList.contains('open');
    this.#more.hidden = !open && this.#text.scrollWidth <= this.#text.clientWidth;
    if (!open) setText(this.#more, 'more');
  }
}
