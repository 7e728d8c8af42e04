import type { Viewer } from './engine.js';

// Within Perspective's shadow roots, where the page's style sheets do not reach:
// no second title over the grid, no second button that closes its panel, no
// margin around it, and bars that the numbers on them can be read on.
const viewerSheet = sheet(`
  regular-layout-frame::part(titlebar) { display: none !important; }
  #settings_close_button { display: none; }
`);

const gridSheet = sheet(`
  regular-table { margin: 0; }
  regular-table table tbody td, regular-table table thead th { padding: 2px 8px; }
  regular-table thead tr:last-child th { color: var(--psp-inactive--color); font-weight: 500; }
  .psp-color-mode-label-bar {
    background-image: linear-gradient(color-mix(in srgb, var(--psp-label-bar-bg) 22%, transparent) 0 0);
    background-size: var(--psp-bar-size, 0%) 18px;
  }
  .psp-color-mode-label-bar::before { padding: 0 6px; }
  .psp-color-mode-label-bar::after { padding: 0 6px; color: inherit; mix-blend-mode: normal; }
  regular-table:focus-visible { outline: 2px solid var(--psp-active--color); outline-offset: -2px; }
  .psp-is-width-override .rt-column-resize:not(:hover) { border: 0; }
  @media (prefers-reduced-motion: reduce) { td { animation: none !important; } }
`);

/** Adds them, once. */
export function shadowStyles(viewer: Viewer): void {
  adopt(viewer, viewerSheet);
  adopt(viewer.getPlugin('Datagrid'), gridSheet);
}

function adopt(host: HTMLElement, sheet: CSSStyleSheet): void {
  const root = host.shadowRoot ?? document;
  if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets.push(sheet);
}

function sheet(text: string): CSSStyleSheet {
  const made = new CSSStyleSheet();
  made.replaceSync(text);
  return made;
}
