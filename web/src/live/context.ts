import type { Client } from '@tycostream/client';
import type { Auth } from './auth.js';
import type { SourceInfo } from './sources-list.js';
import type { Value } from './value.js';

/** What every tab of the page has in common. */
export interface Context {
  /** The one connection to the gateway. Queries and mutations: better by {@link request}. */
  readonly client: Client;
  /** The sources and how they do, in the gateway's order; asked every two seconds while the page is seen, `undefined` before the first answer. */
  readonly sources: Value<readonly SourceInfo[] | undefined>;
  /** The GraphQL name (`field`) of the source that is looked at, in all tabs. */
  readonly selected: Value<string | undefined>;
  readonly auth: Auth;
  /**
   * Runs a query or a mutation with the secret, if there is one. When the
   * gateway wants one, the reader is asked and it is run again. Rejects with a
   * LiveError.
   */
  request<T = Record<string, unknown>>(query: string, variables?: Record<string, unknown>): Promise<T>;
  /** Asks for the sources now, after something that changes them. */
  refresh(): void;
  /** Says something in passing, at the foot of the page; screen readers say it too. */
  notify(message: string, kind?: 'info' | 'error'): void;
  /** Goes to a tab: `go('grid', 'livePnL')`. */
  go(tab: string, rest?: string): void;
}

/** A page within the page. */
export interface Tab {
  /** Its first part of the address: `grid` in `#grid/livePnL`. */
  readonly id: string;
  /** What its button says. */
  readonly name: string;
  /** A count beside the name; nothing while undefined. */
  readonly badge?: Value<number | undefined>;
  /** Builds it into its root, once, before it is shown for the first time. */
  mount(root: HTMLElement, ctx: Context): void;
  /** It is seen from now on. `rest` is what the address has after the id. Also called when `rest` changes. */
  shown(rest: string): void;
  /** It is not seen any more: stop what costs. */
  hidden(): void;
}
