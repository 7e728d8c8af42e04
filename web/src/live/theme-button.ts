import { h, icon } from './dom.js';
import { nextTheme, theme } from './theme.js';

const pictures = {
  system: 'M2 3h12v8H2zM6 14h4M8 11v3',
  light: 'M8 5a3 3 0 1 0 0 6a3 3 0 1 0 0-6M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1',
  dark: 'M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7z',
};

/** Goes round: as the system, light, dark. */
export function themeButton(): HTMLElement {
  const button = h('button', { class: 'quiet square', onclick: () => theme.set(nextTheme(theme.get())) });
  theme.watch((now) => {
    button.replaceChildren(icon(pictures[now]));
    const label = `Theme: ${now === 'system' ? 'as the system' : now}`;
    button.title = label;
    button.setAttribute('aria-label', label);
  });
  return button;
}
