import type { Source } from '@tycostream/client';
import { toVariable } from '../where/variable.js';
import type { TriggerInput } from './api.js';

/** What the form's fields hold. */
export interface Draft {
  readonly name: string;
  readonly webhook: string;
  readonly fire: string;
  readonly clear: string;
  readonly for: string;
  readonly cooldown: string;
  readonly fields: readonly string[];
  readonly snapshot: boolean;
}

export type DraftField = keyof Draft;

/** A mistake in one field of the form. */
export class FieldMistake extends Error {
  readonly field: DraftField;

  constructor(field: DraftField, message: string) {
    super(message);
    this.field = field;
  }
}

/** Makes the mutation's input. Throws a FieldMistake; what it lets through is for the gateway to judge. */
export function triggerInput(draft: Draft, source: Pick<Source, 'columns'>): TriggerInput {
  const name = draft.name.trim();
  if (name === '') throw new FieldMistake('name', 'it needs a name');
  const webhook = draft.webhook.trim();
  if (webhook === '') throw new FieldMistake('webhook', 'it needs an http or https URL');
  const fire = condition('fire', draft.fire, source);
  if (fire === undefined) throw new FieldMistake('fire', 'it needs a condition');
  const clear = condition('clear', draft.clear, source);
  return {
    name, webhook, fire,
    ...(clear === undefined ? {} : { clear }),
    ...(draft.for.trim() === '' ? {} : { for: draft.for.trim() }),
    ...(draft.cooldown.trim() === '' ? {} : { cooldown: draft.cooldown.trim() }),
    ...(draft.fields.length === 0 ? {} : { fields: draft.fields }),
    ...(draft.snapshot ? { snapshot: true } : {}),
  };
}

/** The form's field that an error of the gateway speaks of: `input.fire.symbol._regex` is `fire`. */
export function fieldOf(argument: string | undefined): DraftField | undefined {
  const part = argument?.replace(/^input\./, '').split(/[.[]/)[0];
  return fields.find((f) => f === part);
}

const fields: readonly DraftField[] = ['name', 'webhook', 'fire', 'clear', 'for', 'cooldown', 'fields', 'snapshot'];

function condition(field: DraftField, text: string, source: Pick<Source, 'columns'>): Record<string, unknown> | undefined {
  try {
    return toVariable(text, source);
  } catch (error) {
    throw new FieldMistake(field, error instanceof Error ? error.message : String(error));
  }
}
