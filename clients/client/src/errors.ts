import { LiveError } from './types.js';

/** A GraphQL error as it travels. */
interface WireError {
  readonly message: string;
  readonly extensions?: { readonly code?: string; readonly argument?: string };
}

/** What a subscription of a source does about an error. */
export type Reaction =
  | 'retry' // the same again, a little later
  | 'fresh' // again without a cursor
  | 'schema' // the document does not fit: look at the schema again
  | 'end';

const reactions: Readonly<Record<string, Reaction>> = {
  CONNECTION: 'retry',
  INTERNAL_SERVER_ERROR: 'retry',
  RESYNC_REQUIRED: 'fresh',
  SOURCE_CLOSED: 'retry',
  SOURCE_NOT_READY: 'retry',
  TIMEOUT: 'retry',
  TOO_MANY_OPERATIONS: 'retry',
  GRAPHQL_VALIDATION_FAILED: 'schema',
};

/** The reaction to an error: what only a person can mend ends a subscription. */
export function reactionTo(error: LiveError): Reaction {
  if (error.argument === 'resumeFrom' || error.argument === 'resume_from') return 'fresh'; // a cursor of another gateway's making
  return reactions[error.code] ?? 'end';
}

/** Close codes after which the same would happen again: a malformed message, no common sub-protocol. */
const hopeless = new Set([4400, 4406]);

/** Makes a LiveError of what graphql-ws gives a sink: GraphQL errors, a close event, or an exception. */
export function toLiveError(reason: unknown): LiveError {
  if (reason instanceof LiveError) return reason;
  if (Array.isArray(reason) && reason.length > 0) {
    const [first, ...others] = reason as WireError[];
    const more = others.map((e) => `; ${e.message}`).join('');
    return new LiveError(first!.message + more, first!.extensions?.code ?? 'UNKNOWN', first!.extensions?.argument);
  }
  if (isClose(reason)) {
    const code = hopeless.has(reason.code) ? 'PROTOCOL' : 'CONNECTION';
    return new LiveError(`the connection was closed: ${reason.reason || 'no reason given'} (${reason.code})`, code);
  }
  const text = reason instanceof Error ? reason.message : '';
  return new LiveError(text || 'the gateway cannot be reached', 'CONNECTION');
}

export function isClose(reason: unknown): reason is { readonly code: number; readonly reason: string } {
  return typeof reason === 'object' && reason !== null && 'code' in reason && typeof reason.code === 'number' && 'reason' in reason;
}
