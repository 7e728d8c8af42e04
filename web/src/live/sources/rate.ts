/** Makes a rate per second of a counter that is read now and then. */
export class Rate {
  #count: number | undefined;
  #at = 0;
  #rate: number | undefined;

  /** Takes a reading at a time in milliseconds; returns the rate since the one before, `undefined` while there is none. */
  take(count: number, at: number): number | undefined {
    const seconds = (at - this.#at) / 1000;
    if (this.#count === undefined || count < this.#count) {
      this.#rate = undefined; // the first, or of another gateway
    } else if (seconds < 0.5) {
      return this.#rate; // too short to mean anything
    } else {
      this.#rate = (count - this.#count) / seconds;
    }
    this.#count = count;
    this.#at = at;
    return this.#rate;
  }
}

/** A number for people: `12,345`, `1.2`, nothing for `undefined`. */
export function amount(value: number | undefined | null, digits = 0): string {
  if (value === undefined || value === null) return '–';
  return value.toLocaleString('en-US', { maximumFractionDigits: digits });
}

/** Seconds for people: `4 ms`, `1.2 s`, `3 min`. */
export function span(seconds: number | undefined | null): string {
  if (seconds === undefined || seconds === null) return '–';
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 100) return `${seconds.toFixed(1)} s`;
  return seconds < 6000 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
