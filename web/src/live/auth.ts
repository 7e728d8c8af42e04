import { h } from './dom.js';
import { Value } from './value.js';

const place = 'tycostream:secret';

/** The gateway's admin secret, kept for as long as the browser's tab is open. */
export class Auth {
  readonly secret = new Value<string | undefined>(stored());
  #open: Promise<boolean> | undefined;

  constructor() {
    this.secret.watch(store);
  }

  /** Credentials in the shape of connection_init's payload. */
  credentials(): { headers: Record<string, string> } | undefined {
    const secret = this.secret.get();
    return secret === undefined ? undefined : { headers: { 'x-hasura-admin-secret': secret } };
  }

  /** Asks the reader for the secret; false when there is none to be had. One dialog at a time. */
  ask(reason: string): Promise<boolean> {
    this.#open ??= this.#dialog(reason).finally(() => {
      this.#open = undefined;
    });
    return this.#open;
  }

  #dialog(reason: string): Promise<boolean> {
    const input = h('input', { id: 'secret', type: 'password', autocomplete: 'off', spellcheck: 'false', required: true });
    const cancel = h('button', { type: 'button', class: 'quiet', onclick: () => dialog.close() }, 'Cancel');
    const form = h('form', { method: 'dialog' },
      h('h2', { id: 'secret-title' }, 'Admin secret'),
      h('p', { id: 'secret-reason' }, reason),
      h('label', { for: 'secret' }, 'Secret'),
      input,
      h('p', { class: 'hint' }, 'It is kept until this browser tab is closed, and sent to this gateway only.'),
      h('div', { class: 'actions' }, cancel, h('button', { class: 'primary', value: 'use' }, 'Use it')));
    const dialog = h('dialog', { 'aria-labelledby': 'secret-title', 'aria-describedby': 'secret-reason' }, form);
    document.body.append(dialog);
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener('close', () => {
        dialog.remove();
        const given = dialog.returnValue === 'use' && input.value !== '';
        if (given) this.secret.set(input.value);
        resolve(given);
      });
    });
  }
}

// A browser may forbid storage; then the secret lasts as long as the page.
function stored(): string | undefined {
  try {
    return sessionStorage.getItem(place) ?? undefined;
  } catch {
    return undefined;
  }
}

function store(secret: string | undefined): void {
  try {
    if (secret === undefined) sessionStorage.removeItem(place);
    else sessionStorage.setItem(place, secret);
  } catch {
    // as above
  }
}
