// A sorted grid on screen, fed by the adapter; and what a benchmark wants to know of it.
import perspective from '@perspective-dev/client';
import engine from '@perspective-dev/server/dist/wasm/perspective-server.wasm?url';
import viewers from '@perspective-dev/viewer';
import viewerWasm from '@perspective-dev/viewer/dist/wasm/perspective-viewer.wasm?url';
import '@perspective-dev/viewer-datagrid';
import '@perspective-dev/viewer/themes/pro.css';
import { createClient } from '@tycostream/client';
import { connect } from '@tycostream/perspective';

perspective.init_server(fetch(engine));
await viewers.init_client(fetch(viewerWasm));
const bigints = new URLSearchParams(location.search).get('bigints') ?? undefined;
const worker = await perspective.worker();
const live = await connect(createClient({ url: '/graphql' }), 'livePnL', { perspective: worker, bigints });
await live.ready;
const viewer = document.querySelector('perspective-viewer');
await viewer.load(worker);
await viewer.restore({ table: live.name, columns: live.columns, theme: 'Pro Light', title: 'flood', sort: [['marketValue', 'desc']] });

let frames = 0;
let longest = 0;
let last = performance.now();
requestAnimationFrame(function count() {
  const now = performance.now();
  frames++;
  longest = Math.max(longest, now - last);
  last = now;
  requestAnimationFrame(count);
});

/** Counts for some seconds: what came, was laid on and was drawn in each. */
globalThis.measure = async (seconds) => {
  const before = live.stats;
  const began = performance.now();
  frames = longest = 0;
  let drawn = 0;
  const grid = document.querySelector('perspective-viewer-datagrid');
  const watch = new MutationObserver(() => drawn++); // once for each task that changes cells
  watch.observe(grid.shadowRoot ?? grid, { subtree: true, childList: true, characterData: true });
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  watch.disconnect();
  const took = (performance.now() - began) / 1000;
  const { stats } = live;
  const rate = (n) => Math.round(n / took);
  return {
    received: rate(stats.received - before.received), applied: rate(stats.applied - before.applied), flushes: rate(stats.flushes - before.flushes),
    frames: rate(frames), drawn: rate(drawn), longest: Math.round(longest), refused: stats.refused, size: stats.size, status: live.status,
  };
};
globalThis.ready = true;
