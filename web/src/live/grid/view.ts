import type { ConfigUpdate, ViewerConfig } from '@perspective-dev/viewer';
import { shade } from '../theme.js';
import { engine, themes, type Viewer } from './engine.js';
import { looks, relook, type Look } from './look.js';
import { byNumber, expressions, inWords, numberOf, place, type Term } from './order.js';
import { profile, type Profile, type Sample } from './sample.js';
import type { Session } from './session.js';
import { shadowStyles } from './shadow.js';
import { measured } from './text.js';
import { padding, widths } from './widths.js';

const sampled = 1000; // rows
const font = 13; // pixels
const row = 24;

/** What the page wants to hear of the grid. */
export interface ViewListener {
  /** Rows have been looked at: for examples and suggestions. */
  readonly sampled: (profiles: readonly Profile[]) => void;
  /** The order has changed. */
  readonly ordered: (words: string, kept: boolean, grouped: boolean) => void;
}

/**
 * The viewer, and what is set in it: the looks of columns, their widths, the
 * order of rows. Everything that sets something waits for what was set before.
 */
export class GridView {
  readonly #viewer: Viewer;
  readonly #listener: ViewListener;
  #session: Session | undefined;
  #profiles: readonly Profile[] = [];
  #looks: Record<string, Look> = {};
  #wide = new Map<string, number>(); // widths that the reader has drawn
  #drawing = false; // a border is being drawn
  #fitted: Record<string, number> = {};
  #texts: readonly string[] = []; // columns of exact digits
  #order: readonly Term[] = [];
  #told = '[]'; // the order that the viewer has told last
  #kept: { readonly before: readonly Term[]; readonly keys: readonly unknown[] } | undefined;
  #grouped = false;
  #columns: readonly string[] = [];
  #queue: Promise<unknown> = engine.then((client) => this.#viewer.load(client));
  #width = 0;
  readonly #sizes = new ResizeObserver(() => this.#resized());
  #again: ReturnType<typeof setTimeout> | undefined;

  constructor(viewer: Viewer, listener: ViewListener) {
    this.#viewer = viewer;
    this.#listener = listener;
    viewer.addEventListener('perspective-config-update', (event) => this.#changed((event as CustomEvent<ConfigUpdate>).detail.getConfig()));
    viewer.addEventListener('mousedown', (event) => {
      const border = event.composedPath().some((e) => e instanceof Element && e.classList.contains('rt-column-resize'));
      if (border) this.#drawing = true;
    }, { capture: true });
    shade.watch((now) => {
      if (this.#session) void this.#set({ theme: themes[now] });
    });
  }

  /**
   * Shows another table, from the beginning. Resolves to false when the viewer
   * may still be at the table before, because a third one was asked for meanwhile.
   */
  async show(session: Session): Promise<boolean> {
    const before = this.#session;
    const same = before?.source.field === session.source.field;
    const order = same ? await this.#orderNow() : [];
    this.#session = session;
    this.#kept = undefined;
    this.#texts = session.texts;
    this.#told = '';
    this.#order = this.#translate(order);
    this.#columns = session.live.columns;
    this.#grouped = false;
    this.#wide.clear();
    clearTimeout(this.#again);
    this.#profiles = [];
    const sample = await session.sample(sampled);
    if (session !== this.#session) return false;
    this.#look(session, sample);
    // The grid has no width of its own before it has a table; a scrollbar is made room for afterwards.
    for (const [c, width] of Object.entries(this.#widths(this.#width || this.#viewer.clientWidth - 2))) {
      this.#looks[c]!.column_size_override = width;
    }
    await this.#set({
      table: session.live.name,
      title: session.source.field,
      theme: themes[shade.get()],
      columns: session.live.columns,
      group_by: [], split_by: [], filter: [], aggregates: {}, windows: {},
      expressions: expressions(this.#texts),
      sort: this.#order,
      plugin_config: { font_size: font, row_height: row, zebra_rows: 1 },
      columns_config: this.#looks as NonNullable<ViewerConfig['columns_config']>,
    });
    if (session !== this.#session) return true;
    shadowStyles(this.#viewer);
    this.#sizes.observe(this.#table); // the first time it calls back too
    await this.#fit(false);
    this.#tell();
    this.#lookAgain(session, 1500);
    return true;
  }

  /** Opens and closes Perspective's own panel: columns, groups, order, styles. */
  async toggleSettings(open: boolean): Promise<void> {
    await this.#then(() => this.#viewer.toggleConfig(open));
    await this.#fit(true);
  }

  /** Rows stay where they are while their values change, or take their places again. */
  async keepOrder(keep: boolean): Promise<void> {
    const session = this.#session;
    if (!session || keep === (this.#kept !== undefined)) return;
    if (!keep) {
      const { before } = this.#kept!;
      this.#kept = undefined;
      this.#order = before;
      await this.#set({ sort: before });
    } else {
      const before = this.#order;
      const keys = await session.keys(before, expressions(this.#texts));
      this.#kept = { before, keys };
      await session.number(keys);
      await this.#set({ sort: [[place, 'desc']] });
    }
    this.#tell();
  }

  /** A fresh snapshot has made all rows new: their places are written again. */
  async renumber(): Promise<void> {
    if (this.#kept) await this.#session?.number(this.#kept.keys);
  }

  /** No order but the key's. */
  async unsort(): Promise<void> {
    this.#kept = undefined;
    this.#order = [];
    await this.#set({ sort: [] });
    this.#tell();
  }

  #look(session: Session, sample: Sample): void {
    this.#profiles = profiles(session, sample);
    this.#looks = looks(this.#profiles, new Set(), session.exact);
    this.#listener.sampled(this.#profiles);
  }

  /** Looks again, ever less often: at what moves, at columns that were empty, at numbers that have grown. */
  #lookAgain(session: Session, wait: number): void {
    this.#again = setTimeout(() => {
      this.#relook(session).then(
        () => {
          if (session === this.#session) this.#lookAgain(session, Math.min(3 * wait, 60_000));
        },
        () => {}, // its table is gone: another session has taken its place
      );
    }, wait);
  }

  async #relook(session: Session): Promise<void> {
    const before = session.lastSample;
    const now = await session.sample(sampled);
    if (session !== this.#session) return;
    const found = profiles(session, now);
    const knew = new Map(this.#profiles.map((p) => [p.column.name, p.nulls < p.count]));
    const pulsing = Object.values(this.#looks).some((look) => look.bg_mode === 'pulse');
    const moving = found.map((p) => p.column.name).filter((name) => differs(before[name], now[name]));
    const again = looks(found, new Set(pulsing ? [] : moving), session.exact);
    const patches = found.map(({ column: { name } }): [string, Look] => {
      const { bg_mode: mode, ...rest } = again[name]!;
      return [name, { ...relook(this.#looks[name]!, rest, knew.get(name)!), ...(mode ? { bg_mode: mode } : {}) }];
    }).filter(([, patch]) => Object.keys(patch).length > 0);
    if (found.some((p) => p.nulls < p.count && !knew.get(p.column.name))) this.#listener.sampled(found);
    this.#profiles = found;
    for (const [name, patch] of patches) Object.assign(this.#looks[name]!, patch);
    if (patches.length > 0) {
      await this.#style(({ columns_config: set = {} }) => Object.fromEntries(patches.map(([c, patch]) => [c, { ...set[c], ...patch }])));
    }
    const narrow = measured(found, this.#looks, font).some((w) => w.content + padding > (this.#fitted[w.name] ?? Infinity));
    if (narrow) await this.#fit(false);
  }

  get #table(): HTMLElement {
    return this.#viewer.getPlugin('Datagrid').regular_table;
  }

  #resized(): void {
    const width = this.#table.clientWidth;
    if (width > 0 && width !== this.#width) void this.#fit(false);
  }

  /** Lets the columns fill the page. Those that the reader has drawn keep their width. */
  async #fit(always: boolean): Promise<void> {
    await this.#style((config) => {
      this.#width = this.#table.clientWidth;
      const { columns_config: now = {}, group_by: groups = [], split_by: splits = [] } = config;
      if (groups.length > 0 || splits.length > 0) return undefined; // trees and crosses find their own
      const before = this.#fitted;
      const fitted = this.#widths(this.#width);
      if (!always && JSON.stringify(fitted) === JSON.stringify(before)) return undefined;
      return Object.fromEntries(Object.entries(fitted).map(([c, width]) => [c, { ...now[c], column_size_override: width }]));
    });
  }

  /** Shares a width out to the columns that are shown and that the reader has not drawn. */
  #widths(width: number): Record<string, number> {
    const shown = this.#profiles.filter((p) => this.#columns.includes(p.column.name));
    const taken = shown.reduce((sum, p) => sum + (this.#wide.get(p.column.name) ?? 0), 0);
    const free = shown.filter((p) => !this.#wide.has(p.column.name));
    this.#fitted = widths(measured(free, this.#looks, font), width - taken);
    return this.#fitted;
  }

  /** Changes styles of some columns, given what is set; nothing else may come in between. */
  #style(change: (now: ViewerConfig) => ViewerConfig['columns_config'] | undefined): Promise<void> {
    return this.#then(async () => {
      const now = await this.#viewer.save();
      const changed = change(now);
      if (changed) await this.#viewer.restore({ columns_config: { ...now.columns_config, ...changed } });
    });
  }

  /** Somebody has changed something in the viewer: the reader, or we. */
  #changed(config: ViewerConfig): void {
    if (!this.#session || config.table !== this.#session.live.name) return;
    if (config.plugin_config?.['edit_mode'] === 'EDIT') {
      void this.#set({ plugin_config: { ...config.plugin_config, edit_mode: 'READ_ONLY' } }); // the rows are the database's
    }
    this.#drawn(config);
    this.#sorted((config.sort ?? []) as readonly Term[]);
    this.#grouped = (config.group_by?.length ?? 0) > 0;
    const columns = (config.columns ?? []).filter((c): c is string => c !== null);
    if (columns.join('\n') !== this.#columns.join('\n')) {
      this.#columns = columns;
      void this.#fit(true);
    }
    this.#tell();
  }

  // The reader has let go of a heading's border.
  #drawn({ columns_config: config = {} }: ViewerConfig): void {
    if (!this.#drawing) return;
    this.#drawing = false;
    for (const [name, fitted] of Object.entries(this.#fitted)) {
      const now = config[name]?.['column_size_override'];
      if (typeof now === 'number' && now !== fitted) this.#wide.set(name, now);
    }
  }

  #sorted(asked: readonly Term[]): void {
    // The viewer tells an order more than once, also after it has been replaced.
    const told = JSON.stringify(asked);
    if (told === this.#told) return;
    this.#told = told;
    if (this.#kept && asked.length === 1 && asked[0]![0] === place) return;
    if (this.#kept) {
      this.#kept = undefined; // another order was asked for
      asked = asked.filter(([column]) => column !== place);
    }
    const order = byNumber(asked, this.#order, this.#texts);
    this.#order = order;
    if (JSON.stringify(order) !== JSON.stringify(asked)) void this.#set({ sort: order });
  }

  /** The order that is set: the viewer may not have told it yet. */
  async #orderNow(): Promise<readonly Term[]> {
    const { sort = [] } = await this.#then(() => this.#viewer.save());
    return this.#kept?.before ?? (sort as readonly Term[]);
  }

  /** The same order with or without exact digits. */
  #translate(order: readonly Term[]): readonly Term[] {
    return order.map(([column, direction]) => {
      const plain = column.replace(/ \(number\)$/, '');
      return [this.#texts.includes(plain) ? numberOf(plain) : plain, direction];
    });
  }

  #tell(): void {
    this.#listener.ordered(inWords(this.#kept?.before ?? this.#order, this.#texts), this.#kept !== undefined, this.#grouped);
  }

  #set(config: ViewerConfig): Promise<void> {
    return this.#then(() => this.#viewer.restore(config));
  }

  // One after the other: two at once would each write what it has not read.
  #then<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(act);
    this.#queue = done.catch(() => {});
    return done;
  }
}

function profiles({ source, live }: Session, sample: Sample): Profile[] {
  const columns = live.columns.flatMap((name) => source.columns.find((c) => c.name === name) ?? []);
  return columns.map((c) => profile(c, sample[c.name] ?? []));
}

function differs(before: readonly unknown[] = [], now: readonly unknown[] = []): boolean {
  return before.length === now.length && before.some((value, i) => value !== now[i]);
}
