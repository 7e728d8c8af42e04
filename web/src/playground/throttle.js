// throttled returns an observer that hands at most perSecond results a second
// to the one below: the first at once, then always the newest, and the last one
// before the end. Each carries the number of results so far as
// extensions.eventsSeen.
//
// GraphiQL redraws its whole result editor for every result: at 2,000 a second
// the page falls to 10 frames a second and ten seconds behind.
export function throttled(observer, perSecond = 4) {
  const gap = 1000 / perSecond;
  let seen = 0;
  let newest = null;
  let shown = -Infinity;
  let timer = null;

  const show = () => {
    clearTimeout(timer);
    timer = null;
    if (newest === null) return;
    const result = newest;
    newest = null;
    shown = performance.now();
    observer.next({ ...result, extensions: { ...result.extensions, eventsSeen: seen } });
  };

  return {
    next(result) {
      seen++;
      newest = result;
      if (timer !== null) return;
      const wait = shown + gap - performance.now();
      if (wait <= 0) show();
      else timer = setTimeout(show, wait);
    },
    error(reason) {
      show();
      observer.error(reason);
    },
    complete() {
      show();
      observer.complete();
    },
    // stop forgets what has not been shown.
    stop() {
      clearTimeout(timer);
      timer = null;
      newest = null;
    },
  };
}
