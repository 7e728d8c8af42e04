import { Value } from './value.js';

export type Theme = 'system' | 'light' | 'dark';
const themes: readonly Theme[] = ['system', 'light', 'dark'];
const place = 'tycostream:theme';

/** What the reader has chosen. */
export const theme = new Value<Theme>(stored());

/** What is seen: never `system`. */
export const shade = new Value<'light' | 'dark'>('light');

const dark = matchMedia('(prefers-color-scheme: dark)');

function apply(): void {
  const chosen = theme.get();
  const shown = chosen === 'system' ? (dark.matches ? 'dark' : 'light') : chosen;
  document.documentElement.dataset['theme'] = shown;
  shade.set(shown);
}

/** Follows the choice and the system. */
export function startTheme(): void {
  dark.addEventListener('change', apply);
  theme.watch((chosen) => {
    try {
      localStorage.setItem(place, chosen);
    } catch {
      // forbidden: the choice lasts as long as the page
    }
    apply();
  });
}

/** The one after this, in the order of the button. */
export function nextTheme(now: Theme): Theme {
  return themes[(themes.indexOf(now) + 1) % themes.length]!;
}

function stored(): Theme {
  try {
    const found = localStorage.getItem(place) as Theme | null;
    return found !== null && themes.includes(found) ? found : 'system';
  } catch {
    return 'system';
  }
}
