import './style.css';
import type { Context, Tab } from '../context.js';
import { h, setText } from '../dom.js';
import type { SourceInfo } from '../sources-list.js';
import { Value } from '../value.js';
import { TriggerApi, type Trigger } from './api.js';
import { Detail } from './detail.js';
import { Feed } from './feed.js';
import { TriggerForm } from './form.js';

const every = 2000; // milliseconds between looks, while it is seen
const pills = { ACTIVE: 'live', STARTING: 'connecting', PAUSED: 'paused', STOPPED: 'error', FAILED: 'error' } as const;

/** Triggers of a source: make them, watch them, mend them. */
export function triggersTab(): Tab {
  const badge = new Value<number | undefined>(undefined);
  let page: TriggersPage | undefined;
  return {
    id: 'triggers',
    name: 'Triggers',
    badge,
    mount(root, ctx) {
      page = new TriggersPage(root, ctx, badge);
    },
    shown: () => page?.look(true),
    hidden: () => page?.look(false),
  };
}

class TriggersPage {
  readonly #ctx: Context;
  readonly #badge: Value<number | undefined>;
  readonly #picker: HTMLSelectElement;
  readonly #create: HTMLButtonElement;
  readonly #body = h('tbody');
  readonly #note = h('p', { class: 'notice' });
  readonly #table: HTMLElement;
  readonly #side = h('div', { class: 'side' });
  readonly #feed = new Feed();
  #source: SourceInfo | undefined;
  #api: TriggerApi | undefined;
  #detail: { readonly name: string; readonly view: Detail } | undefined;
  #looking = false;
  #asking = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #shown = '';

  constructor(root: HTMLElement, ctx: Context, badge: Value<number | undefined>) {
    this.#ctx = ctx;
    this.#badge = badge;
    this.#picker = h('select', { 'aria-label': 'Source', onchange: () => ctx.selected.set(this.#picker.value) });
    this.#create = h('button', { class: 'primary', onclick: () => this.#new() }, 'New trigger');
    this.#table = h('div', { class: 'card scroll' }, h('table', { class: 'plain', 'aria-label': 'Triggers' },
      h('thead', null, h('tr', null, ...['Name', 'State', 'Fire', 'Firing', 'Waiting', 'Given up', ''].map((t) => h('th', { scope: 'col' }, t)))),
      this.#body));
    root.append(h('div', { class: 'triggers' },
      h('div', { class: 'bar' }, this.#picker, this.#create),
      h('div', { class: 'columns' }, h('div', { class: 'main' }, this.#table, this.#note, this.#feed.element), this.#side)));
    ctx.sources.watch(() => this.#choose());
    ctx.selected.watch(() => this.#choose());
  }

  /** It is seen, or not any more. */
  look(seen: boolean): void {
    this.#looking = seen;
    clearTimeout(this.#timer);
    if (!seen) this.#feed.stop();
    else if (this.#api) this.#start(this.#api);
  }

  #choose(): void {
    const sources = (this.#ctx.sources.get() ?? []).filter((s) => s.columns.length > 0);
    const options = sources.map((s) => s.field);
    if (options.join() !== [...this.#picker.options].map((o) => o.value).join()) {
      this.#picker.replaceChildren(...options.map((f) => h('option', { value: f }, f)));
    }
    const source = sources.find((s) => s.field === this.#ctx.selected.get()) ?? sources[0];
    this.#create.disabled = !source;
    if (!source) {
      setText(this.#note, 'No source is there yet.');
      return;
    }
    this.#picker.value = source.field;
    if (source.field === this.#source?.field && source.naming === this.#source.naming) return;
    this.#source = source;
    this.#api = new TriggerApi(this.#ctx, source);
    this.#close();
    this.#feed.clear();
    this.#shown = '';
    this.#body.replaceChildren();
    if (this.#looking) this.#start(this.#api);
  }

  #start(api: TriggerApi): void {
    this.#feed.start(api, () => this.#soon());
    void this.#ask();
  }

  // Deliveries come by the thousand; the list is asked for at its own pace.
  #soon(): void {
    if (this.#asking) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(), 250);
  }

  async #ask(): Promise<void> {
    const api = this.#api;
    if (!api || this.#asking || !this.#looking) return;
    this.#asking = true;
    clearTimeout(this.#timer);
    try {
      const triggers = await api.list();
      if (api === this.#api) await this.#show(triggers);
    } catch (error) {
      if (api === this.#api) setText(this.#note, (error as Error).message);
    }
    this.#asking = false;
    if (this.#looking) this.#timer = setTimeout(() => void this.#ask(), api === this.#api ? every : 0);
  }

  async #show(triggers: readonly Trigger[]): Promise<void> {
    this.#badge.set(triggers.length);
    setText(this.#note, triggers.length > 0 ? '' : 'No triggers yet. A trigger calls a webhook when a row begins to meet a condition (FIRE), and when it ceases to (CLEAR).');
    const text = JSON.stringify([triggers, this.#detail?.name]);
    if (text !== this.#shown) {
      this.#shown = text;
      const focus = document.activeElement?.id;
      this.#body.replaceChildren(...triggers.map((t) => this.#row(t)));
      if (focus) document.getElementById(focus)?.focus(); // the row was drawn anew under the reader's hand
    }
    const own = triggers.find((t) => t.name === this.#detail?.name);
    if (own) await this.#detail!.view.show(own);
    else if (this.#detail) this.#close();
  }

  #row(t: Trigger): HTMLElement {
    const act = (verb: 'delete' | 'pause' | 'resume' | 'test', done: string) => () => void this.#act(verb, t.name, done);
    const halted = t.state === 'PAUSED' || t.state === 'STOPPED';
    const id = (what: string) => `${what}-${encodeURIComponent(t.name)}`;
    const remove = () => {
      if (confirm(`Delete the trigger ${t.name}, and all its deliveries?`)) act('delete', 'is deleted')();
    };
    const own = t.origin === 'API' && [
      h('button', { id: id('halt'), onclick: halted ? act('resume', 'goes on') : act('pause', 'is paused') }, halted ? 'Resume' : 'Pause'),
      h('button', { id: id('delete'), class: 'danger', onclick: remove }, 'Delete'),
    ];
    return h('tr', { 'aria-current': t.name === this.#detail?.name },
      h('td', null,
        h('button', { id: id('open'), class: 'quiet name', onclick: () => this.#open(t) }, t.name),
        t.origin === 'FILE' && h('span', { class: 'hint', title: 'schema.yaml declares it, and only there it can be changed.' }, ' in schema.yaml')),
      h('td', null, h('span', { class: 'pill', 'data-state': pills[t.state], title: t.problem ?? '' }, t.state.toLowerCase())),
      h('td', { class: 'mono condition', title: t.clear ? `clear: ${t.clear}` : '' }, t.fire),
      h('td', { class: 'number' }, t.firing), h('td', { class: 'number' }, t.pending),
      h('td', { class: t.dead > 0 ? 'number error' : 'number' }, t.dead),
      h('td', { class: 'acts' }, h('button', { id: id('test'), onclick: act('test', 'is sent a sample') }, 'Test'), ...(own || [])));
  }

  async #act(verb: 'delete' | 'pause' | 'resume' | 'test', name: string, done: string): Promise<void> {
    try {
      await this.#api!.act(verb, name);
      this.#ctx.notify(verb === 'test' ? `A sample of ${name} is on its way` : `${name} ${done}`);
    } catch (error) {
      this.#ctx.notify((error as Error).message, 'error');
    }
    this.#soon();
  }

  #new(): void {
    const api = this.#api!;
    new TriggerForm(this.#source!, (input) => api.create(input)).open((name) => {
      this.#ctx.notify(`The trigger ${name} is there`);
      this.#soon();
    });
  }

  #open(trigger: Trigger): void {
    this.#close();
    const view = new Detail(this.#ctx, this.#api!, trigger.name, () => this.#close());
    this.#detail = { name: trigger.name, view };
    this.#side.replaceChildren(view.element);
    view.show(trigger).catch((error: Error) => this.#ctx.notify(error.message, 'error'));
    this.#soon();
  }

  #close(): void {
    this.#detail = undefined;
    this.#side.replaceChildren();
    if (this.#api) this.#soon();
  }
}
