import { h } from './dom.js';

const lasts = { info: 4000, error: 10_000 }; // milliseconds

/** Passing messages at the foot of the page. */
export class Notices {
  readonly element = h('div', { class: 'notices', role: 'status', 'aria-live': 'polite' });

  show(message: string, kind: 'info' | 'error' = 'info'): void {
    const close = () => notice.remove();
    const notice = h('div', { class: `notice-item ${kind}` },
      h('span', null, message),
      h('button', { class: 'quiet', 'aria-label': 'Dismiss', onclick: close }, '×'));
    this.element.append(notice);
    while (this.element.children.length > 3) this.element.firstElementChild!.remove();
    setTimeout(close, lasts[kind]);
  }
}
