import type { Context, Tab } from './context.js';
import { h, setText } from './dom.js';

/** The bar of tabs, and what each shows. The address follows: `#grid/livePnL`. */
export class Tabs {
  readonly bar = h('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Pages' });
  readonly body = h('main', { class: 'body' });
  readonly #tabs: readonly Tab[];
  readonly #ctx: Context;
  readonly #parts = new Map<string, { readonly button: HTMLElement; readonly panel: HTMLElement; mounted: boolean }>();
  #shown: Tab | undefined;

  constructor(tabs: readonly Tab[], ctx: Context) {
    this.#tabs = tabs;
    this.#ctx = ctx;
    for (const tab of tabs) this.#add(tab);
    this.bar.addEventListener('keydown', (event) => this.#key(event));
    addEventListener('hashchange', () => this.#route());
  }

  /** Shows the tab of the address. */
  start(): void {
    this.#route();
  }

  go(id: string, rest = ''): void {
    const hash = `#${id}${rest === '' ? '' : `/${rest}`}`;
    if (location.hash !== hash) location.hash = hash;
  }

  #add(tab: Tab): void {
    const count = h('span', { class: 'count', hidden: true });
    const button = h('button', {
      id: `tab-${tab.id}`, role: 'tab', 'aria-controls': `panel-${tab.id}`, onclick: () => this.go(tab.id),
    }, tab.name, count);
    const panel = h('section', { id: `panel-${tab.id}`, class: 'panel', role: 'tabpanel', 'aria-labelledby': `tab-${tab.id}`, hidden: true });
    tab.badge?.watch((n) => {
      count.hidden = n === undefined;
      setText(count, n === undefined ? '' : String(n));
    });
    this.bar.append(button);
    this.body.append(panel);
    this.#parts.set(tab.id, { button, panel, mounted: false });
  }

  #route(): void {
    const [, id = '', rest = ''] = /^#([^/?]*)\/?(.*)$/s.exec(location.hash) ?? [];
    this.#show(this.#tabs.find((t) => t.id === id) ?? this.#tabs[0]!, rest);
  }

  #show(tab: Tab, rest: string): void {
    if (this.#shown !== tab) {
      this.#shown?.hidden();
      this.#shown = tab;
      for (const [id, { button, panel }] of this.#parts) {
        const own = id === tab.id;
        panel.hidden = !own;
        button.setAttribute('aria-selected', String(own));
        button.tabIndex = own ? 0 : -1;
      }
      document.body.dataset['tab'] = tab.id;
      const part = this.#parts.get(tab.id)!;
      if (!part.mounted) {
        part.mounted = true;
        tab.mount(part.panel, this.#ctx);
      }
    }
    tab.shown(rest);
  }

  // Left and right go from tab to tab, as in every list of tabs.
  #key(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const at = this.#tabs.indexOf(this.#shown!);
    const next = this.#tabs[(at + step + this.#tabs.length) % this.#tabs.length]!;
    this.go(next.id);
    this.#parts.get(next.id)!.button.focus();
  }
}
