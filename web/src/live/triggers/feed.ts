import { h, setText } from '../dom.js';
import type { Delivery, TriggerApi } from './api.js';
import { answer, moment } from './detail.js';

const longest = 100; // results that are kept on the page

/** The results of attempts as they come, the newest first; drawn once per frame. */
export class Feed {
  readonly element: HTMLElement;
  readonly #list = h('ol', { class: 'feed-list' });
  readonly #note = h('p', { class: 'hint' }, 'Nothing has been delivered since you look.');
  #waiting: Delivery[] = [];
  #missed = 0;
  #drawing = false;
  #stop: (() => void) | undefined;

  constructor() {
    this.element = h('section', { class: 'card feed', 'aria-label': 'Live deliveries' }, h('h3', null, 'Live deliveries'), this.#note, this.#list);
  }

  /** Follows a source; what came before stays. `changed` is called when something has come. */
  start(api: TriggerApi, changed: () => void): void {
    this.stop();
    this.#stop = api.follow(
      ({ delivery, missed }) => {
        this.#waiting.push(delivery);
        this.#missed += missed + Math.max(this.#waiting.length - longest, 0);
        this.#waiting = this.#waiting.slice(-longest);
        changed();
        if (this.#drawing) return;
        this.#drawing = true;
        requestAnimationFrame(() => this.#draw());
      },
      (error) => setText(this.#note, error?.message ?? ''));
  }

  stop(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  clear(): void {
    this.#list.replaceChildren();
    this.#waiting = [];
    this.#missed = 0;
  }

  #draw(): void {
    this.#drawing = false;
    this.#list.prepend(...this.#waiting.toReversed().map((d) => h('li', null,
      h('span', { class: `event ${d.event}` }, d.event),
      h('span', { class: 'mono' }, d.key ?? 'sample'),
      h('span', { class: 'muted' }, d.trigger),
      h('span', { class: d.status === 'DELIVERED' ? 'answer' : 'answer error' }, answer(d)),
      h('time', { datetime: d.time, class: 'muted' }, moment(d.time)))));
    this.#waiting = [];
    while (this.#list.childElementCount > longest) this.#list.lastElementChild!.remove();
    setText(this.#note, this.#missed > 0 ? `${this.#missed} more came too fast to be shown.` : '');
  }
}
