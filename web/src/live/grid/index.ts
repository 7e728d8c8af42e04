import type { Context, Tab } from '../context.js';
import type { Vitals } from '../vitals.js';

/** The rows of a source in a grid. */
export function gridTab(vitals: Vitals): Tab {
  return {
    id: 'grid',
    name: 'Grid',
    mount(root: HTMLElement, ctx: Context): void {
      ctx.sources.watch((sources) => {
        vitals.state(sources ? 'live' : 'connecting', sources ? 'live' : 'connecting');
        root.textContent = sources?.map((s) => `${s.name}: ${s.rows} rows`).join(', ') ?? '';
      });
    },
    shown(): void {},
    hidden(): void {},
  };
}
