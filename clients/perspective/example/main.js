// A grid with a filter and a pause. From clients, with a gateway at GATEWAY:
//
//     GATEWAY=http://localhost:4000 npx vite perspective/example
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

const [form, where, pause, output, viewer] = ['form', '#where', '#pause', 'output', 'perspective-viewer'].map((s) => document.querySelector(s));
const source = new URLSearchParams(location.search).get('source') ?? 'livePnL';
const tycostream = createClient({ url: '/graphql' });
const worker = await perspective.worker();
const live = await connect(tycostream, source, { perspective: worker });

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    await live.setWhere(where.value.trim() ? JSON.parse(where.value) : undefined);
    where.setCustomValidity('');
  } catch (error) {
    where.setCustomValidity(error.message); // the rows stay as they are
  }
  where.reportValidity();
});
where.addEventListener('input', () => where.setCustomValidity(''));

pause.addEventListener('click', () => {
  if (live.paused) live.resume();
  else live.pause();
  pause.textContent = live.paused ? 'Resume' : 'Pause';
});

let before = live.stats;
setInterval(() => {
  const { stats } = live;
  output.value = `${live.status}, ${stats.size.toLocaleString()} rows, ${(stats.received - before.received).toLocaleString()} changes/s`;
  before = stats;
}, 1000);

await viewer.load(worker);
await viewer.restore({ table: live.name, columns: live.columns, theme: 'Pro Light', title: source });
