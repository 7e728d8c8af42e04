import { LiveError } from '@tycostream/client';
import { freshId, h, setText } from '../dom.js';
import type { SourceInfo } from '../sources-list.js';
import type { TriggerInput } from './api.js';
import { FieldMistake, fieldOf, triggerInput, type Draft, type DraftField } from './input.js';

/** What a field of the form is made of. */
interface Part {
  readonly control: HTMLInputElement;
  readonly mistake: HTMLElement;
}

/** A dialog that makes a trigger, with the columns of the source; mistakes stand at the field that they are in. */
export class TriggerForm {
  readonly #source: SourceInfo;
  readonly #create: (input: TriggerInput) => Promise<unknown>;
  readonly #parts = new Map<DraftField, Part>();
  readonly #problem = h('p', { class: 'error', role: 'alert', hidden: true });
  readonly #submit = h('button', { class: 'primary' }, 'Create');
  readonly #dialog: HTMLDialogElement;
  #columns: HTMLInputElement[] = [];

  constructor(source: SourceInfo, create: (input: TriggerInput) => Promise<unknown>) {
    this.#source = source;
    this.#create = create;
    this.#dialog = this.#build();
  }

  /** Shows it; `done` is called when the trigger is there. */
  open(done: (name: string) => void): void {
    document.body.append(this.#dialog);
    this.#dialog.addEventListener('close', () => this.#dialog.remove(), { once: true });
    this.#dialog.querySelector('form')!.onsubmit = (event) => {
      event.preventDefault();
      void this.#send(done);
    };
    this.#dialog.showModal();
  }

  #build(): HTMLDialogElement {
    const numeric = this.#source.columns.find((c) => !c.key && ['Decimal', 'Float', 'BigInt', 'Integer'].includes(c.type));
    const over = (n: number, operator: string) => (numeric ? `{${numeric.name}: {${operator}: ${n}}}` : '{…}');
    const title = freshId('title');
    const cancel = h('button', { type: 'button', class: 'quiet', onclick: () => this.#dialog.close() }, 'Cancel');
    return h('dialog', { class: 'trigger-form', 'aria-labelledby': title },
      h('form', { method: 'dialog', novalidate: true },
        h('h2', { id: title }, `New trigger of ${this.#source.field}`),
        this.#text('name', 'Name', { placeholder: 'big_position', autocomplete: 'off' }, 'unique among the triggers of this source'),
        this.#text('webhook', 'Webhook', { placeholder: 'https://example.com/hook', inputmode: 'url' }, 'where FIRE and CLEAR are POSTed'),
        this.#text('fire', 'Fire when', { class: 'mono', placeholder: over(10_000, '_gt'), spellcheck: 'false' }),
        this.#text('clear', 'Clear when', { class: 'mono', placeholder: over(9500, '_lt'), spellcheck: 'false' }, 'left out: as soon as the first is not true'),
        h('div', { class: 'pair' },
          this.#text('for', 'For at least', { placeholder: '30s' }, 'how long it must be true'),
          this.#text('cooldown', 'Cool down', { placeholder: '5m' }, 'after a CLEAR')),
        this.#payload(),
        this.#check('snapshot', 'Rows that match now fire at once'),
        this.#problem,
        h('div', { class: 'actions' }, cancel, this.#submit)));
  }

  #text(field: DraftField, label: string, attributes: Record<string, string>, hint = ''): HTMLElement {
    const id = freshId(field);
    const mistake = h('p', { id: `${id}-mistake`, class: 'error', hidden: true });
    const control = h('input', { id, name: field, 'aria-describedby': `${id}-mistake`, ...attributes });
    this.#parts.set(field, { control, mistake });
    return h('div', { class: 'field' }, h('label', { for: id }, label, hint && h('span', { class: 'hint' }, ` ${hint}`)), control, mistake);
  }

  #check(field: DraftField, label: string): HTMLElement {
    const mistake = h('p', { class: 'error', hidden: true });
    const control = h('input', { type: 'checkbox', name: field });
    this.#parts.set(field, { control, mistake });
    return h('div', null, h('label', { class: 'check' }, control, label), mistake);
  }

  #payload(): HTMLElement {
    this.#columns = this.#source.columns.map((c) => h('input', { type: 'checkbox', value: c.name }));
    const mistake = h('p', { class: 'error', hidden: true });
    this.#parts.set('fields', { control: this.#columns[0]!, mistake });
    return h('details', null,
      h('summary', null, 'Columns of the payload', h('span', { class: 'hint' }, ' none chosen: all')),
      h('div', { class: 'choices' }, ...this.#columns.map((box) => h('label', { class: 'check' }, box, box.value))),
      mistake);
  }

  #draft(): Draft {
    const value = (field: DraftField) => this.#parts.get(field)!.control.value;
    return {
      name: value('name'), webhook: value('webhook'), fire: value('fire'), clear: value('clear'),
      for: value('for'), cooldown: value('cooldown'),
      fields: this.#columns.filter((box) => box.checked).map((box) => box.value),
      snapshot: this.#parts.get('snapshot')!.control.checked,
    };
  }

  async #send(done: (name: string) => void): Promise<void> {
    this.#clear();
    try {
      const input = triggerInput(this.#draft(), this.#source);
      this.#submit.disabled = true;
      await this.#create(input);
      this.#dialog.close();
      done(input.name);
    } catch (error) {
      if (error instanceof FieldMistake) this.#say(error.field, error.message);
      else if (error instanceof LiveError) this.#say(fieldOf(error.argument), error.message);
      else throw error;
    } finally {
      this.#submit.disabled = false;
    }
  }

  #clear(): void {
    this.#problem.hidden = true;
    for (const { control, mistake } of this.#parts.values()) {
      control.removeAttribute('aria-invalid');
      mistake.hidden = true;
    }
  }

  #say(field: DraftField | undefined, message: string): void {
    const part = field && this.#parts.get(field);
    const place = part ? part.mistake : this.#problem;
    setText(place, message);
    place.hidden = false;
    if (!part) return;
    part.control.setAttribute('aria-invalid', 'true');
    part.control.closest('details')?.setAttribute('open', '');
    part.control.focus();
  }
}
