import type { LiveError } from '@tycostream/client';
import type { Context } from '../context.js';
import type { SourceInfo } from '../sources-list.js';

/** A trigger as the page shows it. */
export interface Trigger {
  readonly name: string;
  readonly webhook: string;
  /** Canonical JSON text. */
  readonly fire: string;
  readonly clear: string | null;
  readonly origin: 'API' | 'FILE';
  readonly state: 'ACTIVE' | 'STARTING' | 'PAUSED' | 'STOPPED' | 'FAILED';
  readonly problem: string | null;
  readonly for: string | null;
  readonly cooldown: string | null;
  readonly fields: readonly string[] | null;
  readonly fired: number;
  readonly cleared: number;
  readonly firing: number;
  readonly pending: number;
  readonly dead: number;
}

export interface FiringRow {
  readonly key: string;
  readonly since: string;
}

export type DeliveryStatus = 'PENDING' | 'DELIVERED' | 'DEAD';

export interface Delivery {
  readonly id: string;
  readonly trigger: string;
  readonly key: string | null;
  readonly event: 'FIRE' | 'CLEAR' | 'TEST';
  readonly time: string;
  readonly status: DeliveryStatus;
  readonly attempts: number;
  readonly nextAttempt: string | null;
  readonly responseStatus: number | null;
  readonly excerpt: string | null;
  readonly body: string | null;
}

/** What a new trigger is made of: TriggerInput. */
export type TriggerInput = Readonly<Record<string, unknown>> & { readonly name: string };

const trigger = 'name webhook fire clear origin state problem for cooldown fields fired cleared firing pending dead';
const delivery = 'id trigger key event time status attempts nextAttempt responseStatus excerpt body';

/** How many firing rows and deliveries are shown. */
export const shownRows = 50;

/** The triggers of one source, by the names that its style gives them. */
export class TriggerApi {
  readonly #ctx: Context;
  readonly #source: SourceInfo;
  readonly #camel: boolean;

  constructor(ctx: Context, source: SourceInfo) {
    this.#ctx = ctx;
    this.#source = source;
    this.#camel = source.naming === 'camelCase';
  }

  async list(): Promise<readonly Trigger[]> {
    const { triggers } = await this.#ctx.request<{ triggers: Trigger[] }>(`{ triggers: ${this.#list} { ${trigger} } }`);
    return triggers;
  }

  /** The rows that are firing, and the deliveries of a status. */
  async detail(name: string, status: DeliveryStatus): Promise<{ rows: readonly FiringRow[]; deliveries: readonly Delivery[] }> {
    const one = this.#camel ? `${this.#source.field}Trigger` : `${this.#source.field}_trigger`;
    const query = `query ($name: String!, $source: String!, $status: TriggerDeliveryStatus!) {
      trigger: ${one}(name: $name) { firingRows(limit: ${shownRows}) { key since } }
      deliveries: ${this.#deliveries}(source: $source, trigger: $name, status: $status, limit: ${shownRows}) { ${delivery} }
    }`;
    const answer = await this.#ctx.request<{ trigger: { firingRows: FiringRow[] } | null; deliveries: Delivery[] }>(
      query, { name, source: this.#source.name, status });
    return { rows: answer.trigger?.firingRows ?? [], deliveries: answer.deliveries };
  }

  create(input: TriggerInput): Promise<unknown> {
    const type = `${this.#source.typePrefix}TriggerInput`;
    return this.#ctx.request(`mutation ($input: ${type}!) { ${this.#verb('create')}(input: $input) { name } }`, { input });
  }

  /** What is done to a trigger by its name alone. */
  act(verb: 'delete' | 'pause' | 'resume' | 'test', name: string): Promise<unknown> {
    const selection = verb === 'test' ? '' : ' { name }';
    return this.#ctx.request(`mutation ($name: String!) { ${this.#verb(verb)}(name: $name)${selection} }`, { name });
  }

  resend(name: string, id: string): Promise<unknown> {
    const field = this.#camel ? 'resendDelivery' : 'resend_delivery';
    return this.#ctx.request(`mutation ($source: String!, $trigger: String!, $id: ID!) { ${field}(source: $source, trigger: $trigger, id: $id) }`,
      { source: this.#source.name, trigger: name, id });
  }

  async resendAll(name: string): Promise<number> {
    const field = this.#camel ? 'resendDeadLetters' : 'resend_dead_letters';
    const { count } = await this.#ctx.request<{ count: number }>(
      `mutation ($source: String!, $trigger: String!) { count: ${field}(source: $source, trigger: $trigger) }`,
      { source: this.#source.name, trigger: name });
    return count;
  }

  /** Follows the results of attempts; returns how to stop it. */
  follow(next: (result: { delivery: Delivery; seconds: number; missed: number }) => void, ended: (error: LiveError | undefined) => void): () => void {
    interface Data {
      result: { delivery: Delivery; seconds: number; missed: number };
    }
    return this.#ctx.client.follow<Data>(
      `subscription ($source: String!) { result: ${this.#deliveries}(source: $source) { delivery { ${delivery} } seconds missed } }`,
      { source: this.#source.name }, ({ result }) => next(result), ended);
  }

  get #list(): string {
    return this.#source.field + (this.#camel ? 'Triggers' : '_triggers');
  }

  get #deliveries(): string {
    return this.#camel ? 'triggerDeliveries' : 'trigger_deliveries';
  }

  #verb(verb: string): string {
    return this.#camel ? `${verb}${this.#source.typePrefix}Trigger` : `${verb}_${this.#source.field}_trigger`;
  }
}
