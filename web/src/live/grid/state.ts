import type { Connection } from '@tycostream/client';
import type { ConnectedTable } from '@tycostream/perspective';
import type { SourceInfo } from '../sources-list.js';

/** What the header says of the rows. */
export interface State {
  /** A pill's `data-state`. */
  readonly state: 'connecting' | 'snapshot' | 'live' | 'paused' | 'stale' | 'error';
  readonly text: string;
  readonly detail: string;
}

/** Puts together what connection, source and table say. */
export function stateOf(
  live: Pick<ConnectedTable, 'status' | 'error' | 'state'> | undefined,
  source: SourceInfo | undefined,
  connection: Connection,
  paused: boolean,
  failure: string,
): State {
  const away = connection === 'closed' || connection === 'connecting';
  const why = live?.error?.message ?? source?.error ?? '';
  if (!live) {
    if (source?.state === 'FAILED') return { state: 'error', text: 'failed', detail: source.error ?? failure };
    return { state: 'connecting', text: 'connecting', detail: source?.error ?? failure };
  }
  if (live.status === 'error') return { state: 'error', text: 'error', detail: why };
  if (away && live.status !== 'live') return { state: 'stale', text: 'reconnecting', detail: why || 'The rows are the last known.' };
  if (live.state === 'FAILED') return { state: 'error', text: 'failed', detail: why };
  if (live.status === 'stale') return { state: 'stale', text: 'stale', detail: why || 'The database is away; the rows are the last known.' };
  if (paused) return { state: 'paused', text: 'paused', detail: 'What comes meanwhile is kept.' };
  return { state: live.status, text: live.status, detail: why };
}

/** What stands where the grid will be. */
export function waitingFor(source: SourceInfo | undefined, sources: readonly SourceInfo[] | undefined, failure: string): string {
  if (!sources) return failure || 'Connecting to the gateway …';
  if (sources.length === 0) return 'The gateway has no sources: schema.yaml names them.';
  if (!source) return 'Choose a source.';
  if (source.state === 'FAILED') return told(`${source.field} has failed`, source.error);
  if (source.state === 'STARTING') return told(`${source.field} is starting`, source.error);
  return failure || `Waiting for the rows of ${source.field} …`;
}

function told(what: string, why: string | null): string {
  return why ? `${what}: ${why}` : `${what} …`;
}
