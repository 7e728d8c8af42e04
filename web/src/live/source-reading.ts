import type { SourcesList } from './sources-list.js';
import type { Reading } from './vitals.js';

const states = {
  STARTING: ['connecting', 'starting'],
  LIVE: ['live', 'live'],
  STALE: ['stale', 'stale'],
  FAILED: ['error', 'failed'],
} as const;

/** What the header says of a source while nobody looks at its rows: what the gateway says of it. */
export function sourceReading({ value, away }: Pick<SourcesList, 'value' | 'away'>, selected: string | undefined): Reading | undefined {
  const all = value.get();
  const source = all?.find((s) => s.field === selected) ?? all?.[0];
  if (!source) return undefined;
  const [state, text] = away ? ['stale', 'reconnecting'] : states[source.state];
  return {
    rows: source.rows,
    received: source.changes,
    age: source.lag === null ? undefined : 1000 * source.lag,
    state: [state, text, source.error ?? ''],
  };
}
