import type { Context } from '../context.js';
import { h, setText } from '../dom.js';
import { shownRows, type Delivery, type DeliveryStatus, type FiringRow, type Trigger, type TriggerApi } from './api.js';

const statuses: readonly [DeliveryStatus, string][] = [['PENDING', 'Waiting'], ['DEAD', 'Given up'], ['DELIVERED', 'Delivered']];

/** One trigger: its conditions, the rows that fire, its deliveries. */
export class Detail {
  readonly element: HTMLElement;
  readonly #ctx: Context;
  readonly #api: TriggerApi;
  readonly #name: string;
  readonly #facts = h('dl', { class: 'facts' });
  readonly #rows = h('tbody');
  readonly #rowsNote = h('p', { class: 'hint' });
  readonly #deliveries = h('tbody');
  readonly #none = h('p', { class: 'hint' });
  readonly #resendAll: HTMLButtonElement;
  readonly #buttons = new Map<DeliveryStatus, HTMLButtonElement>();
  #status: DeliveryStatus = 'DELIVERED';
  #text = '';

  constructor(ctx: Context, api: TriggerApi, name: string, close: () => void) {
    this.#ctx = ctx;
    this.#api = api;
    this.#name = name;
    this.#resendAll = h('button', { onclick: () => void this.#sendAll() }, 'Send all again');
    const choose = statuses.map(([status, label]) => {
      const button = h('button', { 'aria-pressed': 'false', onclick: () => this.#choose(status) }, label);
      this.#buttons.set(status, button);
      return button;
    });
    const table = (label: string, titles: readonly string[], body: HTMLElement) => h('div', { class: 'scroll' },
      h('table', { class: 'plain', 'aria-label': label }, h('thead', null, h('tr', null, ...titles.map((t) => h('th', { scope: 'col' }, t)))), body));
    this.element = h('section', { class: 'card detail', 'aria-label': `Trigger ${name}` },
      h('header', null, h('h2', null, name), h('button', { class: 'quiet square', 'aria-label': 'Close', onclick: close }, '×')),
      this.#facts,
      h('h3', null, 'Rows that fire'), table('Rows that fire', ['Key', 'Since'], this.#rows), this.#rowsNote,
      h('div', { class: 'bar' }, h('h3', null, 'Deliveries'), ...choose, this.#resendAll),
      table('Deliveries', ['Event', 'Key', 'Time', 'Attempts', 'Answer', ''], this.#deliveries), this.#none);
    this.#choose(this.#status);
  }

  /** Shows the trigger as it is, and asks for the rest. */
  async show(trigger: Trigger): Promise<void> {
    const facts: [string, string | null][] = [
      ['Webhook', trigger.webhook], ['Fire', trigger.fire], ['Clear', trigger.clear], ['For', trigger.for], ['Cool down', trigger.cooldown],
      ['Columns', trigger.fields?.join(', ') ?? null], ['Since the start', `${trigger.fired} FIRE, ${trigger.cleared} CLEAR`],
      ['Problem', trigger.problem],
    ];
    const text = JSON.stringify(facts);
    if (text !== this.#text) {
      this.#text = text;
      this.#facts.replaceChildren(...facts.flatMap(([title, value]) =>
        (value ? [h('dt', null, title), h('dd', { class: title === 'Problem' ? 'error' : 'mono' }, value)] : [])));
    }
    await this.refresh();
  }

  async refresh(): Promise<void> {
    const status = this.#status;
    const { rows, deliveries } = await this.#api.detail(this.#name, status);
    if (status !== this.#status) return;
    this.#rows.replaceChildren(...rows.map(firing));
    setText(this.#rowsNote, rows.length === 0 ? 'None.' : rows.length === shownRows ? `The first ${shownRows}.` : '');
    this.#deliveries.replaceChildren(...deliveries.toReversed().map((d) => this.#row(d)));
    setText(this.#none, deliveries.length === 0 ? 'None.' : '');
    this.#resendAll.hidden = status !== 'DEAD' || deliveries.length === 0;
  }

  #choose(status: DeliveryStatus): void {
    this.#status = status;
    for (const [s, button] of this.#buttons) button.setAttribute('aria-pressed', String(s === status));
    this.#deliveries.replaceChildren();
    this.#resendAll.hidden = true;
    setText(this.#none, '…');
    this.refresh().catch((error: Error) => setText(this.#none, error.message));
  }

  #row(delivery: Delivery): HTMLElement {
    const resend = () => this.#api.resend(this.#name, delivery.id).then(
      () => {
        this.#ctx.notify(`${delivery.event} of ${delivery.key ?? 'the sample'} is sent again`);
        return this.refresh();
      },
      (error: Error) => this.#ctx.notify(error.message, 'error'));
    return h('tr', { title: delivery.body ?? '' },
      h('td', null, h('span', { class: `event ${delivery.event}` }, delivery.event)),
      h('td', { class: 'mono' }, delivery.key ?? ''),
      h('td', null, moment(delivery.time)),
      h('td', { class: 'number' }, delivery.attempts),
      h('td', { class: 'answer' }, answer(delivery)),
      h('td', null, delivery.status === 'DEAD' && h('button', { onclick: resend }, 'Send again')));
  }

  async #sendAll(): Promise<void> {
    try {
      this.#ctx.notify(`${await this.#api.resendAll(this.#name)} deliveries are sent again`);
      await this.refresh();
    } catch (error) {
      this.#ctx.notify((error as Error).message, 'error');
    }
  }
}

/** What came back: `200 ok`, or why nothing did. */
export function answer({ responseStatus, excerpt, nextAttempt, status }: Delivery): string {
  const said = [responseStatus, excerpt].filter((part) => part !== null && part !== '').join(' ');
  if (status !== 'PENDING') return said;
  return [said, nextAttempt ? `again at ${moment(nextAttempt)}` : 'not tried yet'].filter(Boolean).join('; ');
}

/** A time of day, with the date when it is another one's. */
export function moment(iso: string): string {
  const at = new Date(iso);
  const time = at.toLocaleTimeString([], { hour12: false });
  return at.toDateString() === new Date().toDateString() ? time : `${at.toLocaleDateString()} ${time}`;
}

function firing({ key, since }: FiringRow): HTMLElement {
  return h('tr', null, h('td', { class: 'mono' }, key), h('td', null, moment(since)));
}
