import './style.css';
import type { Context, Tab } from '../context.js';
import type { Vitals } from '../vitals.js';
import { GridPage } from './page.js';

/** The rows of a source in a grid. */
export function gridTab(vitals: Vitals): Tab {
  let page: GridPage | undefined;
  return {
    id: 'grid',
    name: 'Grid',
    mount(root: HTMLElement, ctx: Context): void {
      page = new GridPage(root, ctx, vitals);
    },
    shown: (rest) => page?.open(rest),
    hidden(): void {}, // it goes on: the header tells how, and coming back costs nothing
  };
}
