import { h, setText } from './dom.js';

/** The right side of the header: how the rows that are looked at do. */
export class Vitals {
  readonly pill = h('span', { class: 'pill', role: 'status' });
  readonly element = h('div', { class: 'vitals' }, this.pill);

  state(name: string, text: string, detail = ''): void {
    this.pill.dataset['state'] = name;
    this.pill.title = detail;
    setText(this.pill, text);
  }
}
