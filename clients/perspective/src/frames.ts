/** What browsers have, and Node.js has not. */
interface Screen {
  requestAnimationFrame?(call: () => void): number;
  cancelAnimationFrame?(frame: number): void;
}

/** A frame of 60 a second, where there are none. */
const frameLength = 16;
/** After so many milliseconds without a frame the page is not on screen: its tab is hidden, or its window covered. */
const patience = 250;

/**
 * Calls back at the next animation frame; a little later where none comes.
 * Returns how to call it off.
 */
export function nextFrame(call: () => void): () => void {
  const screen = globalThis as Screen;
  const once = () => {
    callOff();
    call();
  };
  const frame = screen.requestAnimationFrame?.(once);
  const timer = setTimeout(once, frame === undefined ? frameLength : patience);
  const callOff = () => {
    clearTimeout(timer);
    if (frame !== undefined) screen.cancelAnimationFrame?.(frame);
  };
  return callOff;
}
