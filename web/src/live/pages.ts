import type { Tab } from './context.js';
import { gridTab } from './grid/index.js';
import { sourcesTab } from './sources/index.js';
import { triggersTab } from './triggers/index.js';
import type { Vitals } from './vitals.js';

/** The tabs in their order. */
export function pages(vitals: Vitals): readonly Tab[] {
  return [gridTab(vitals), triggersTab(), sourcesTab()];
}
