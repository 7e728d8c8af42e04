// Each npm package as its users get it: packed, installed into an empty Vite
// project, and its README followed word for word.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { openBrowser, openPage, picture } from './browser.js';
import { buildGateway, demo, until } from './gateway.js';
import { dev, follow, pack } from './readme.js';

// What the page of each README shows when it works.
const shows = {
  client: async (page) => {
    const text = () => page.locator('#app pre').innerText();
    await until('rows', async () => /^live, \d+ rows\nA/.test(await text()));
    const first = await text();
    await until('changes', async () => (await text()) !== first);
  },
  perspective: async (page) => {
    const grid = page.locator('perspective-viewer-datagrid');
    const cells = async () => (await grid.locator('td').allInnerTexts()).join('|');
    await until('rows', async () => /\|A\w+\|/.test(await cells()));
    const first = await cells();
    await until('changes', async () => (await cells()) !== first);
  },
  react: async (page) => {
    const text = () => page.locator('main').innerText();
    await until('rows', async () => /live, \d+ rows/.test(await text()) && (await page.locator('tbody tr').count()) > 3);
    const first = await page.locator('tbody').innerText();
    await until('changes', async () => (await page.locator('tbody').innerText()) !== first);
    await page.locator('input').fill('B');
    await until('other rows', async () => /^B/.test(await page.locator('tbody td').first().innerText()));
    await page.locator('input').fill('');
    await until('all', async () => (await page.locator('tbody tr').count()) > 100);
  },
};

test('the packages', { timeout: 600_000 }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'tycostream-packages-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const names = Object.keys(shows);
  const tarballs = pack(dir, names);
  const binary = buildGateway(t);
  const { origin } = await demo(t, binary, ['--rows', '200', '--rate', '200']);
  const context = await openBrowser(t);

  for (const name of names) {
    await t.test(`@tycostream/${name}`, async (t) => {
      const { files } = tarballs.get(`@tycostream/${name}`);
      for (const needed of ['LICENSE', 'README.md', 'package.json', 'dist/index.js', 'dist/index.d.ts']) assert.ok(files.includes(needed), needed);
      assert.ok(files.every((f) => /^(LICENSE|README\.md|package\.json|dist\/.*\.(js|d\.ts))$/.test(f)), files.join());

      const own = join(dir, name);
      mkdirSync(own);
      const project = follow(name, own, tarballs, origin);
      execFileSync('npm', ['run', 'build'], { cwd: project, stdio: ['ignore', 'pipe', 'inherit'] }); // its types too
      const { page, problems } = await openPage(context, await dev(t, project), '/');
      try {
        await shows[name](page);
        const foreign = problems.filter((p) => !p.includes(new URL(origin).host));
        assert.deepEqual(foreign, []);
        await picture(page, `package ${name}`);
      } catch (error) {
        await picture(page, `failed package ${name}`);
        throw new Error(`${error.message}; the page says: ${problems.join('; ')}`, { cause: error });
      } finally {
        await page.close();
      }
    });
  }
});
