// A grid on screen under a flood of changes: rows a second that reach it, and
// frames a second that are left.
//
//     node flood.bench.js [--rate 400000] [--size 200] [--rows 10000] [--seconds 5] [--bigints number] [--profile page.cpuprofile]
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';

import { openBrowser, openPage, picture } from './browser.js';
import { flood } from './flood.js';
import { until } from './gateway.js';

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '400000' }, size: { type: 'string', default: '200' }, rows: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '5' }, bigints: { type: 'string', default: 'int64' }, profile: { type: 'string' },
  },
});
const clients = new URL('../../clients/', import.meta.url).pathname;
const pages = mkdtempSync(join(tmpdir(), 'tycostream-flood-'));
const undo = [() => rmSync(pages, { recursive: true, force: true })];

try {
  const vite = await import(pathToFileURL(createRequire(`${clients}perspective/`).resolve('vite')));
  await vite.build({
    root: `${clients}perspective/bench/page`, base: './', logLevel: 'warn', configFile: false,
    build: { outDir: pages, emptyOutDir: true, target: 'es2022', assetsInlineLimit: 0, chunkSizeWarningLimit: 1000, minify: !values.profile },
  });
  const gateway = await flood({ pages, total: Number(values.rows), size: Number(values.size), rate: Number(values.rate) });
  undo.push(gateway.close);
  const context = await openBrowser({ after: (f) => undo.push(f) });
  const { page, problems } = await openPage(context, gateway.origin, `/?bigints=${values.bigints}`);
  await until('the grid', () => page.evaluate(() => globalThis.ready));
  await page.evaluate(() => globalThis.measure(2)); // to warm up
  for (let i = 0; i < 3; i++) {
    const before = { ...gateway.counts };
    const cpu = process.cpuUsage();
    const began = performance.now();
    const measured = await page.evaluate((s) => globalThis.measure(s), Number(values.seconds));
    const took = (performance.now() - began) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    const sent = Math.round((gateway.counts.rows - before.rows) / took);
    console.log(JSON.stringify({ ...measured, sent, 'server cpu': `${Math.round((user + system) / took / 10_000)} %` }));
  }
  if (values.profile) {
    const session = await context.newCDPSession(page);
    await session.send('Profiler.enable');
    await session.send('Profiler.start');
    await page.evaluate((s) => globalThis.measure(s), Number(values.seconds));
    writeFileSync(values.profile, JSON.stringify((await session.send('Profiler.stop')).profile));
  }
  await picture(page, 'flood');
  if (problems.length > 0) console.log(problems);
} finally {
  for (const f of undo.reverse()) await f();
}
