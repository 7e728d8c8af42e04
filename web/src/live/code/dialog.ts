import { h, setText } from '../dom.js';
import { samples, type Request } from './code.js';

/** Shows the query that gives the rows on screen, and code for it to copy. */
export function showCode(request: Request, notify: (message: string) => void): void {
  const text = h('pre', { class: 'mono code', tabindex: '0', 'aria-label': 'Code' });
  const hint = h('p', { class: 'hint' });
  const languages = h('div', { class: 'languages', role: 'group', 'aria-label': 'Language' });
  const choose = (id: string) => {
    const sample = samples.find((s) => s.id === id)!;
    setText(text, sample.write(request));
    setText(hint, sample.hint);
    for (const button of languages.children) button.setAttribute('aria-pressed', String((button as HTMLElement).dataset['id'] === id));
  };
  languages.append(...samples.map(({ id, name }) => h('button', { 'data-id': id, onclick: () => choose(id) }, name)));
  const copy = async () => {
    await toClipboard(text.textContent);
    notify('Copied');
  };
  const dialog = h('dialog', { class: 'code-dialog', 'aria-labelledby': 'code-title' },
    h('header', null, h('h2', { id: 'code-title' }, 'The same rows in code'), languages),
    text,
    hint,
    h('div', { class: 'actions' },
      h('button', { onclick: () => dialog.close() }, 'Close'),
      h('button', { class: 'primary', onclick: () => void copy() }, 'Copy')));
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  choose(samples[0]!.id);
  dialog.showModal();
}

// The clipboard proper is there on https and localhost only.
async function toClipboard(text: string): Promise<void> {
  if (isSecureContext) {
    try {
      await navigator.clipboard.writeText(text);
      return;
    } catch {
      // not permitted: the old way
    }
  }
  const area = h('textarea', { class: 'visually-hidden', value: text });
  (document.querySelector('dialog[open]') ?? document.body).append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}
