/** How long to wait for an animation frame, in milliseconds: hidden tabs have none. */
const patience = 250;

/**
 * Returns a function that calls `draw` once per animation frame, however often
 * it is called itself, and how to stop that.
 */
export function perFrame(draw: () => void): [schedule: () => void, cancel: () => void] {
  let frame: number | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const cancel = () => {
    if (frame !== undefined) cancelAnimationFrame(frame);
    clearTimeout(timer);
    frame = timer = undefined;
  };
  const run = () => {
    cancel();
    draw();
  };
  const schedule = () => {
    if (timer !== undefined) return;
    const frames = typeof requestAnimationFrame === 'function';
    if (frames) frame = requestAnimationFrame(run);
    timer = setTimeout(run, frames ? patience : 16);
  };
  return [schedule, cancel];
}
