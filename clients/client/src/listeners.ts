/** Who wants to hear of something. A listener may add and remove listeners, itself included, while it is called. */
export class Listeners<T> {
  readonly #all = new Set<{ readonly call: (value: T) => void }>();

  add(call: (value: T) => void): () => void {
    const entry = { call };
    this.#all.add(entry);
    return () => {
      this.#all.delete(entry);
    };
  }

  /** One listener's exception is reported as uncaught and keeps nothing from the others. */
  emit(value: T): void {
    for (const entry of [...this.#all]) {
      if (!this.#all.has(entry)) continue; // removed by one before
      try {
        entry.call(value);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  get size(): number {
    return this.#all.size;
  }

  clear(): void {
    this.#all.clear();
  }
}
