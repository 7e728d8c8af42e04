/** How long to wait for an animation frame, in milliseconds: hidden pages have none. */
const patience = 250;

/**
 * What is to be drawn with the next animation frame. All of it is drawn in one
 * go, so that React renders once.
 */
class Frames {
  readonly #due = new Set<() => void>();
  #cancel: (() => void) | undefined;

  /** Calls `draw` with the next frame, once however often it is asked. */
  ask(draw: () => void): void {
    this.#due.add(draw);
    if (this.#cancel) return;
    const run = () => this.#run();
    const framed = typeof requestAnimationFrame === 'function';
    const frame = framed ? requestAnimationFrame(run) : 0;
    const timer = setTimeout(run, framed ? patience : 16);
    this.#cancel = () => {
      if (framed) cancelAnimationFrame(frame);
      clearTimeout(timer);
    };
  }

  /** Takes back what was asked. */
  drop(draw: () => void): void {
    this.#due.delete(draw);
  }

  #run(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const all = [...this.#due];
    this.#due.clear();
    for (const draw of all) safely(draw);
  }
}

/** Calls back; what it throws is reported as uncaught and keeps nothing from the others. */
export function safely(call: () => void): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

export const frames = new Frames();
