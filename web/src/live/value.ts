/** A value that others watch. */
export class Value<T> {
  #value: T;
  readonly #watchers = new Set<(value: T) => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get(): T {
    return this.#value;
  }

  /** Sets it; watchers are called when it is another one. */
  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const watcher of [...this.#watchers]) watcher(value);
  }

  /** Calls back now and whenever it changes; returns how to stop it. */
  watch(watcher: (value: T) => void): () => void {
    const own = (value: T) => watcher(value);
    this.#watchers.add(own);
    watcher(this.#value);
    return () => {
      this.#watchers.delete(own);
    };
  }
}
