import { LiveError } from '@tycostream/client';
import { showCode } from '../code/dialog.js';
import type { Context } from '../context.js';
import { h, setText } from '../dom.js';
import { Message } from '../message.js';
import type { SourceInfo } from '../sources-list.js';
import type { Vitals } from '../vitals.js';
import { WhereBox } from '../where/box.js';
import { Mistake } from '../where/parser.js';
import { filterSchema, type FilterSchema } from '../where/schema.js';
import { toVariable } from '../where/variable.js';
import { Bar } from './bar.js';
import { chips } from './chips.js';
import type { Viewer } from './engine.js';
import type { Profile } from './sample.js';
import { Session } from './session.js';
import { stateOf, waitingFor } from './state.js';
import { GridView } from './view.js';

const again = 1500; // milliseconds after which what has failed is tried again

/** The grid's tab: one source, one filter, one table at a time. */
export class GridPage {
  readonly #ctx: Context;
  readonly #vitals: Vitals;
  readonly #box: WhereBox;
  readonly #bar: Bar;
  readonly #message = new Message('where-message');
  readonly #veil = h('div', { class: 'veil', role: 'status' });
  readonly #view: GridView;
  #profiles: readonly Profile[] = [];
  #schema: FilterSchema | undefined;
  #session: Session | undefined;
  #outdated: Session[] = []; // sessions before it: the viewer may be at one of them still
  #opening: { readonly abort: AbortController; readonly field: string } | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #where = ''; // the filter that is on, as text
  #exact = false;
  #paused = false;
  #status = '';

  constructor(root: HTMLElement, ctx: Context, vitals: Vitals) {
    this.#ctx = ctx;
    this.#vitals = vitals;
    this.#box = new WhereBox({
      apply: (text) => void this.#filter(text),
      schema: () => this.#schema,
      seen: (column) => this.#seen(column),
    }, 'where-message');
    this.#bar = new Bar(this.#box, {
      choose: (field) => ctx.selected.set(field),
      filter: (text) => {
        this.#box.show(text);
        void this.#filter(text);
      },
      pause: (on) => this.#pause(on),
      keepOrder: (on) => void this.#view.keepOrder(on).catch((error: Error) => ctx.notify(error.message, 'error')),
      exact: (on) => this.#setExact(on),
      settings: (on) => {
        this.#bar.press('settings', on);
        void this.#view.toggleSettings(on);
      },
      code: () => this.#code(),
      unsort: () => void this.#view.unsort(),
    });
    const viewer = document.createElement('perspective-viewer') as Viewer;
    root.append(h('div', { class: 'grid-page' }, this.#bar.element, this.#message.element, h('div', { class: 'grid-body' }, viewer, this.#veil)));
    this.#view = new GridView(viewer, {
      sampled: (profiles) => {
        this.#profiles = profiles;
        this.#bar.chips(chips(profiles));
      },
      ordered: (words, kept, grouped) => this.#bar.ordered(words, kept, grouped),
    });
    vitals.watch(() => {
      const live = this.#here()?.live;
      return live && { rows: live.stats.size, received: live.stats.received, age: live.age() };
    });
    ctx.sources.watch((sources) => this.#listed(sources));
    ctx.selected.watch((field) => this.#selected(field));
    ctx.client.onConnection(() => this.#tell());
  }

  /** Goes to what the address says: `livePnL?where={...}`. */
  open(rest: string): void {
    const [, field = '', query = ''] = /^([^?]*)\??(.*)$/s.exec(rest) ?? [];
    const where = new URLSearchParams(query).get('where') ?? '';
    if (field === '') {
      this.#address();
      return;
    }
    const name = decodeURIComponent(field);
    if (name !== this.#ctx.selected.get()) {
      this.#ctx.selected.set(name);
      this.#box.show(where);
      if (where !== '') this.#reopen();
    } else if (where !== (this.#opening ? this.#box.text : this.#where)) {
      this.#box.show(where);
      void this.#filter(where);
    }
  }

  #listed(sources: readonly SourceInfo[] | undefined): void {
    this.#bar.sources(sources ?? [], this.#ctx.selected.get());
    const selected = this.#ctx.selected.get();
    if (sources && sources.length > 0 && !sources.some((s) => s.field === selected)) {
      if (selected !== undefined) this.#ctx.notify(`The gateway has no source ${selected}.`);
      this.#ctx.selected.set((sources.find((s) => s.name === 'live_pnl') ?? sources[0]!).field);
    } else if (!this.#session && !this.#opening && this.#retry === undefined) {
      this.#reopen();
    }
    this.#tell();
  }

  #selected(field: string | undefined): void {
    if (field === undefined || field === this.#opening?.field || (field === this.#session?.source.field && !this.#opening)) return;
    if (this.#session && this.#session.source.field !== field) { // its filters mean nothing here
      this.#box.show('');
      this.#bar.chips([]);
      this.#bar.ordered('', false, false);
    }
    this.#bar.sources(this.#ctx.sources.get() ?? [], field);
    this.#message.show('');
    this.#reopen();
  }

  /** Opens what is selected, with the filter in the box; the old rows stay until the new ones are there. */
  #reopen(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#opening?.abort.abort();
    this.#opening = undefined;
    const field = this.#ctx.selected.get();
    const source = this.#ctx.sources.get()?.find((s) => s.field === field);
    if (!source) return this.#tell();
    const opening = { abort: new AbortController(), field: source.field };
    this.#opening = opening;
    this.#tell();
    void this.#open(source, opening.abort.signal).then(
      () => {
        if (this.#opening === opening) this.#opening = undefined;
        this.#tell();
      },
      (error: unknown) => {
        if (this.#opening !== opening) return;
        this.#opening = undefined;
        this.#failed(error);
      },
    );
  }

  async #open(source: SourceInfo, signal: AbortSignal): Promise<void> {
    const text = this.#box.text;
    const session = await this.#connect(source, text, signal);
    if (signal.aborted) return void session.close();
    if (this.#session) this.#outdated.push(this.#session);
    this.#session = session;
    this.#schema = undefined;
    filterSchema((query, variables) => this.#ctx.request(query, variables), session.source).then(
      (schema) => {
        if (session === this.#session) this.#schema = schema;
      },
      () => {}, // no suggestions then
    );
    this.#paused = false;
    this.#bar.press('pause', false);
    session.live.onStatus(() => this.#changed(session));
    if (!(await this.#view.show(session))) return;
    for (const old of this.#outdated) if (old !== session) void old.close();
    this.#outdated = this.#outdated.filter((old) => old === session);
    this.#address();
    this.#changed(session);
  }

  /** Opens a session; with a filter that is refused, one without. */
  async #connect(source: SourceInfo, text: string, signal: AbortSignal): Promise<Session> {
    const open = (where: Record<string, unknown> | undefined) =>
      Session.open({ client: this.#ctx.client, source, exact: this.#exact, where, signal });
    try {
      const session = await open(toVariable(text, source));
      this.#applied(text);
      return session;
    } catch (error) {
      if (text.trim() === '' || signal.aborted || !isAboutFilter(error)) throw error;
      const session = await open(undefined);
      this.#applied('');
      this.#refuse(error);
      return session;
    }
  }

  async #filter(text: string): Promise<void> {
    const session = this.#session;
    if (!session || this.#opening) return this.#reopen();
    try {
      const where = toVariable(text, session.source);
      this.#message.show('');
      this.#box.input.setAttribute('aria-invalid', 'false');
      this.#box.element.classList.add('busy');
      if (!(await session.live.setWhere(where))) return;
      if (this.#paused) await session.live.flush(); // the reader has asked for it
      this.#applied(text);
      this.#address();
      await this.#view.renumber();
    } catch (error) {
      if (session === this.#session) this.#refuse(error);
    } finally {
      this.#box.element.classList.remove('busy');
      this.#tell();
    }
  }

  #applied(text: string): void {
    this.#where = text;
    this.#box.applied(text);
    this.#bar.applied(text);
    this.#box.input.setAttribute('aria-invalid', 'false');
    this.#message.show('');
  }

  #refuse(error: unknown): void {
    this.#box.input.setAttribute('aria-invalid', 'true');
    if (error instanceof Mistake) this.#box.point(error.start, error.end);
    const rows = this.#where.trim() === '' ? 'all rows' : 'the rows of the filter before';
    this.#message.show(`${(error as Error).message} (shown: ${rows})`);
  }

  #failed(error: unknown): void {
    const { message } = error as Error;
    if (this.#session) this.#message.show(message);
    this.#status = message;
    this.#retry = setTimeout(() => this.#reopen(), again);
    this.#tell();
  }

  #changed(session: Session): void {
    if (session !== this.#session) return;
    const { status, error } = session.live;
    if (status === 'live' && this.#status !== '') {
      this.#status = '';
      this.#view.renumber().catch(() => {}); // after a break the rows may be new ones
    } else if (status !== 'live') {
      this.#status = error?.message ?? status;
    }
    // What has ended for good may begin anew: another gateway, other columns.
    if (status === 'error' && this.#retry === undefined && !this.#opening) {
      this.#ctx.refresh();
      this.#retry = setTimeout(() => this.#reopen(), again);
    }
    this.#tell();
  }

  #tell(): void {
    const info = this.#ctx.sources.get()?.find((s) => s.field === this.#ctx.selected.get());
    const session = this.#here();
    const { state, text, detail } = stateOf(session?.live, info, this.#ctx.client.connection, this.#paused, this.#status);
    this.#vitals.state(state, text, detail);
    const veil = session ? emptiness(session, this.#where) : waitingFor(info, this.#ctx.sources.get(), this.#status);
    this.#veil.hidden = veil === '';
    this.#veil.classList.toggle('over', session !== undefined);
    setText(this.#veil, veil);
  }

  /** The session of the source that is selected: another one's rows are covered. */
  #here(): Session | undefined {
    return this.#session?.source.field === this.#ctx.selected.get() ? this.#session : undefined;
  }

  #pause(on: boolean): void {
    if (!this.#session) return;
    this.#paused = on;
    if (on) this.#session.live.pause();
    else this.#session.live.resume();
    this.#bar.press('pause', on);
    this.#tell();
  }

  #setExact(on: boolean): void {
    this.#exact = on;
    this.#bar.press('exact', on);
    if (this.#session) this.#reopen();
  }

  #code(): void {
    const session = this.#here();
    if (!session) return;
    showCode({
      source: session.source,
      where: session.live.where as Record<string, unknown> | undefined,
      columns: session.live.columns,
      url: new URL('graphql', document.baseURI).href.replace(/#.*$/, ''),
    }, (message) => this.#ctx.notify(message));
  }

  #seen(column: string): readonly string[] {
    return (this.#profiles.find((p) => p.column.name === column)?.texts ?? []).slice(0, 12).map((t) => t.text);
  }

  /** Writes what is shown into the address, so that it can be sent to somebody. */
  #address(): void {
    const field = this.#session?.source.field;
    if (field === undefined || !/^#?(grid|$)/.test(location.hash)) return;
    const query = this.#where.trim() === '' ? '' : `?${new URLSearchParams({ where: this.#where })}`;
    const hash = `#grid/${encodeURIComponent(field)}${query}`;
    if (location.hash !== hash) history.replaceState(null, '', hash);
  }
}

/** Whether another filter would do. */
function isAboutFilter(error: unknown): boolean {
  return error instanceof Mistake || (error instanceof LiveError && !['CONNECTION', 'PERSPECTIVE', 'KEY_OUT_OF_RANGE', 'UNKNOWN_SOURCE'].includes(error.code));
}

function emptiness({ live }: Session, where: string): string {
  if (live.status !== 'live' || live.stats.size > 0) return '';
  return where.trim() === '' ? 'No rows yet.' : 'No row matches the filter.';
}
