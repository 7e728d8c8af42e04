/**
 * Whether the engine may be asked for something while it answers. In browsers
 * it has a thread of its own. In Node.js it is in this one, gives its answer out
 * while it still reads it, and loses the rest if its memory grows by a request
 * made at that moment.
 */
export const concurrent = (): boolean => 'requestAnimationFrame' in globalThis;

/** Waits for an answer, and until the engine can be asked again. */
export async function answerOf<T>(request: Promise<T>): Promise<T> {
  const answer = await request;
  if (!concurrent()) await new Promise((resolve) => setTimeout(resolve));
  return answer;
}
