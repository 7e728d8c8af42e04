// The live page of the real program in a real browser.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { openBrowser, openPage, picture } from './browser.js';
import { buildGateway, demo, serve, until } from './gateway.js';
import { grid, gridOf } from './grid.js';

const root = new URL('../..', import.meta.url).pathname;
// What a browser says of a gateway that is gone, and cannot be told not to.
const away = [/ERR_CONNECTION_REFUSED/, /WebSocket connection to/, /^failed: /];

test('the page: grid', { timeout: 600_000 }, async (t) => {
  const binary = buildGateway(t);
  const { origin } = await demo(t, binary, ['--rows', '500', '--rate', '400']);
  const context = await openBrowser(t, { width: 1280, height: 720 });

  // within runs a test on a page of its own, which must end without problems.
  const within = (name, run, { path = '/', at = origin, expected = [] } = {}) => t.test(name, async (t) => {
    const g = await grid(context, at, path);
    try {
      await run(g, t);
      assert.deepEqual(g.problems.filter((text) => !expected.some((e) => e.test(text))), []);
    } catch (error) {
      await picture(g.page, `failed ${name}`);
      throw error;
    } finally {
      await g.page.close();
    }
  });

  await within('it fills, moves, and asks nobody else', async (g) => {
    const { page } = g;
    const policy = g.response.headers()['content-security-policy'];
    assert.match(policy, /^default-src 'none'; script-src 'self' blob: 'wasm-unsafe-eval';/);
    assert.match(policy, /connect-src 'self';/);
    assert.doesNotMatch(policy, /script-src[^;]*'unsafe-(inline|eval)'/);
    await g.is('live');
    assert.equal(await g.size(), 500);
    const first = await g.rows();
    assert.deepEqual(Object.keys(first[0]), ['instrumentId', 'symbol', 'netPosition', 'latestPrice', 'marketValue', 'avgCostBasis', 'theoreticalPnl']);
    assert.ok(first.length > 20);
    await until('a price moves', async () => JSON.stringify(await g.column('latestPrice')) !== JSON.stringify(first.map((r) => r.latestPrice)));
    const vitals = () => page.locator('.vitals').innerText();
    await until('the header tells of 500 rows, updates and age', async () => /500 rows\s+\d{2,3}\s+updates\/s\s+[\d.]+ m?s old/.test(await vitals()));
    await until('a column flashes', async () => Object.values((await g.config()).columns_config).some((c) => c.bg_mode === 'pulse'));
    await picture(page, 'grid light');
    // The columns fill the page, whatever its width.
    for (const width of [1280, 1000, 1500]) {
      await page.setViewportSize({ width, height: 720 });
      await until('the columns fill the page', () => page.evaluate(() => {
        const table = document.querySelector('perspective-viewer-datagrid').regular_table;
        const widths = [...table.querySelectorAll('thead tr:first-child th')].map((th) => th.offsetWidth);
        return Math.abs(widths.reduce((a, b) => a + b, 0) - table.clientWidth) <= 1;
      }));
    }
    await page.setViewportSize({ width: 1280, height: 720 });
  });

  await within('the first rows are there soon', async ({ page }) => {
    const times = [];
    for (let i = 0; i < 3; i++) {
      await page.reload();
      times.push(await page.evaluate(() => new Promise((resolve) => {
        const look = () => {
          const table = document.querySelector('perspective-viewer-datagrid')?.regular_table;
          if (table?.querySelector('tbody td')?.textContent && document.querySelector('.veil').hidden) resolve(performance.now());
          else requestAnimationFrame(look);
        };
        look();
      })));
    }
    t.diagnostic(`first rows after ${times.map(Math.round)} ms`);
    assert.ok(Math.min(...times) < 4000, String(times)); // 1.5 s on a machine that has nothing else to do
    const weight = await page.evaluate(() => performance.getEntries()
      .filter(({ name, decodedBodySize }) => decodedBodySize !== undefined && !name.endsWith('/graphql'))
      .reduce((sum, { decodedBodySize }) => sum + decodedBodySize, 0));
    t.diagnostic(`it weighs ${weight} bytes`);
    assert.ok(weight > 4e6 && weight < 4.5e6, `${weight} bytes`);
  });

  await within('a filter narrows, another widens', async (g) => {
    await g.where('{symbol: {_like: "A%"}}');
    await until('symbols with A', async () => (await g.column('symbol')).every((s) => s.startsWith('A')));
    const some = await g.size();
    assert.ok(some > 3 && some < 100, `${some} rows`);
    await picture(g.page, 'grid filtered');
    assert.match(g.page.url(), /#grid\/livePnL\?where=/);
    const shared = await grid(context, origin, `/${new URL(g.page.url()).hash}`); // the address can be passed on
    assert.equal(await shared.box.inputValue(), '{symbol: {_like: "A%"}}');
    assert.equal(await shared.size(), some);
    await shared.page.close();
    await g.where('{symbol: {_like: "A%"}, netPosition: {_gt: 999999999999}}');
    await g.page.getByText('No row matches the filter.').waitFor();
    await g.where('');
    await until('all rows', async () => (await g.size()) === 500);
    await g.page.locator('.chip').first().click();
    await until('a chip narrows', async () => (await g.size()) < 500);
    assert.notEqual(await g.box.inputValue(), '');
    await g.page.locator('.chip').first().click();
    await until('and widens', async () => (await g.size()) === 500);
  });

  await within('a bad filter says why, and the rows stay', async (g) => {
    await g.where('{symbol: {_like: "A%"}}');
    await until('symbols with A', async () => (await g.column('symbol')).every((s) => s.startsWith('A')));
    for (const [text, message] of [
      ['{symbol: {_regex: "("}}', /missing closing/], // the gateway's words
      ['{nobody: {_eq: 1}}', /nobody/],
      ['{symbol: {_like: A}}', /text stands in quotes: "A"/],
      ['{symbol: {_like: "A%"}', /a } is missing/],
      ['{netPosition: {_gt: null}}', /null/],
      [`{symbol: {_in: ${JSON.stringify(Array.from({ length: 300 }, (_, i) => `"${i}`).join())}}}`.replace('_in', `_${'x'.repeat(300)}`), /x{300}/],
    ]) {
      await g.where(text);
      await until(`the message ${message}`, async () => message.test(await g.message()));
      assert.equal(await g.box.getAttribute('aria-invalid'), 'true');
      assert.ok((await g.column('symbol')).every((s) => s.startsWith('A')), text);
    }
    await g.page.getByRole('button', { name: 'more', exact: true }).click();
    await picture(g.page, 'grid error');
    await g.where('{symbol: {_like: "B%"}}');
    await until('symbols with B', async () => (await g.column('symbol')).every((s) => s.startsWith('B')));
    assert.equal(await g.page.locator('.message').isVisible(), false);
    assert.equal(await g.box.getAttribute('aria-invalid'), 'false');
  }, { expected: [] });

  await within('suggestions by keyboard', async (g) => {
    const { page, box } = g;
    const list = page.getByRole('listbox', { name: 'Suggestions' });
    const active = () => box.getAttribute('aria-activedescendant');
    await box.focus();
    await list.waitFor();
    assert.equal(await box.getAttribute('aria-expanded'), 'true');
    await page.keyboard.type('{sym');
    assert.deepEqual(await list.getByRole('option').allInnerTexts(), ['symbol\nString']);
    assert.equal(await active(), null);
    await page.keyboard.press('ArrowDown');
    assert.equal(await active(), await list.getByRole('option').first().getAttribute('id'));
    await page.keyboard.press('Enter');
    assert.equal(await box.inputValue(), '{symbol: {}');
    await page.keyboard.type('_li');
    await picture(page, 'grid suggestions');
    await page.keyboard.press('Tab');
    assert.equal(await box.inputValue(), '{symbol: {_like: ""}');
    await page.keyboard.type('C%');
    await page.keyboard.press('Escape');
    assert.equal(await list.isVisible(), false);
    await page.keyboard.press('End');
    await page.keyboard.type('}');
    await page.keyboard.press('Enter');
    await until('symbols with C', async () => (await g.column('symbol')).every((s) => s.startsWith('C')));
    await page.keyboard.press('Tab'); // on, not caught
    assert.notEqual(await page.evaluate(() => document.activeElement.id), 'where');
  });

  await within('pause and resume', async (g) => {
    await g.button('Pause').click();
    await g.is('paused');
    await new Promise((resolve) => setTimeout(resolve, 500)); // what was on its way is drawn
    const before = await g.rows();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.deepEqual(await g.rows(), before);
    await g.where('{symbol: {_like: "A%"}}'); // what the reader asks for comes all the same
    await until('symbols with A', async () => (await g.column('symbol')).every((s) => s.startsWith('A')));
    await g.is('paused');
    await g.button('Resume').click();
    await g.is('live');
    const then = JSON.stringify(await g.rows());
    await until('rows move', async () => JSON.stringify(await g.rows()) !== then);
  });

  await within('order, and rows that keep their places', async (g) => {
    const { page } = g;
    const keep = g.button('Keep order');
    const numbers = async () => (await g.column('marketValue')).map((text) => Number(text.replaceAll(',', '')));
    const falling = (values) => values.every((v, i) => i === 0 || v <= values[i - 1]);
    assert.equal(await keep.isDisabled(), true);
    await g.heading('marketValue').click();
    await page.getByText('sorted by marketValue ↓').waitFor();
    await until('the largest come first', async () => falling(await numbers()));
    await keep.click();
    await page.getByText('kept as it was, by marketValue ↓').waitFor();
    const places = await g.column('symbol');
    const values = JSON.stringify(await g.column('latestPrice'));
    await until('the values move on', async () => JSON.stringify(await g.column('latestPrice')) !== values);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.deepEqual(await g.column('symbol'), places);
    await until('a live order would be another', async () => !falling(await numbers()));
    await g.where('{latestPrice: {_gt: 1}}'); // all rows, as a fresh snapshot
    await until('the filter is on', async () => /where=/.test(page.url()));
    await until('they keep it over a snapshot', async () => JSON.stringify(await g.column('symbol')) === JSON.stringify(places));
    await keep.click();
    await until('they fall into place', async () => falling(await numbers()));
    await page.getByRole('button', { name: /Remove the order/ }).click();
    await until('by key', async () => (await g.column('instrumentId')).slice(0, 3).join() === '1,2,3');
  });

  await within('exact digits, in order', async (g) => {
    const exact = g.button('Exact');
    await g.heading('marketValue').click();
    await exact.click(); // at once: the order is not lost
    await until('plain digits', async () => (await g.column('marketValue')).every((v) => /^-?\d+(\.\d+)?$/.test(v)));
    const answer = await (await fetch(`${origin}/graphql`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query: '{ livePnL { instrumentId avgCostBasis } }' }),
    })).json();
    assert.ok(answer.data.livePnL.length === 500);
    const rising = (values) => values.every((v, i) => i === 0 || Number(v) >= Number(values[i - 1]));
    const falling = (values) => rising([...values].reverse());
    await until('the order of numbers, not of texts', async () => falling(await g.column('marketValue')));
    await g.heading('marketValue').click();
    await until('turned round', async () => rising(await g.column('marketValue')));
    await g.page.getByText('sorted by marketValue ↑').waitFor();
    await g.heading('marketValue').click();
    await until('and off', async () => (await g.column('instrumentId')).slice(0, 3).join() === '1,2,3');
    await exact.click();
    await until('groups of three again', async () => (await g.column('marketValue')).some((v) => v.includes(',')));
  });

  await within("Perspective's own panel: groups", async (g) => {
    const { page } = g;
    await g.button('Columns').click();
    await page.locator('perspective-viewer #settings_panel #group_by').waitFor();
    await picture(page, 'grid columns');
    await page.evaluate(() => document.querySelector('perspective-viewer').restore({ group_by: ['symbol'] }));
    await until('a tree', () => page.evaluate(() => document.querySelector('perspective-viewer-datagrid').regular_table.querySelectorAll('tbody th.psp-tree-label').length > 0));
    assert.equal(await g.button('Keep order').isDisabled(), true);
    await page.evaluate(() => document.querySelector('perspective-viewer').restore({ group_by: [], plugin_config: { edit_mode: 'EDIT' } }));
    await until('rows cannot be edited', async () => (await g.config()).plugin_config.edit_mode !== 'EDIT');
    await g.button('Columns').click();
    await until('the panel is closed', async () => (await g.config()).settings === false);
  });

  await within('themes', async (g) => {
    const { page } = g;
    const theme = page.getByRole('button', { name: /^Theme/ });
    for (const name of ['light', 'dark']) {
      await theme.click();
      assert.equal(await theme.getAttribute('aria-label'), `Theme: ${name}`);
      await until('the grid follows', async () => (await g.config()).theme === (name === 'dark' ? 'Tyco Dark' : 'Tyco Light'));
    }
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await picture(page, 'grid dark');
    await page.reload();
    await g.filled();
    assert.equal(await theme.getAttribute('aria-label'), 'Theme: dark');
    await theme.click();
  });

  await t.test('on a phone', async () => {
    const { page, problems } = await openPage(context, origin, '/');
    await page.setViewportSize({ width: 390, height: 844 });
    const g = gridOf(page);
    await g.filled();
    await g.is('live');
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the page is wider than the screen');
    for (const name of ['Pause', 'Exact', 'Code']) assert.ok(await g.button(name).isVisible(), name);
    await picture(page, 'grid phone');
    await g.where('{symbol: {_like: "A%"}}');
    await until('symbols with A', async () => (await g.column('symbol')).every((s) => s.startsWith('A')));
    assert.deepEqual(problems, []);
    await page.close();
  });

  await within('everything is reached by keyboard, with a name', async ({ page }) => {
    const names = [];
    await page.evaluate(() => document.activeElement.blur());
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press('Tab');
      const found = await page.evaluate(() => {
        const e = document.activeElement;
        if (!e || e === document.body) return null;
        const label = e.getAttribute('aria-label') ?? e.labels?.[0]?.textContent ?? e.textContent;
        const { outlineStyle } = getComputedStyle(e);
        return { tag: e.localName, label: label.trim(), seen: outlineStyle !== 'none' || e.localName.startsWith('perspective') };
      });
      if (!found) break;
      if (!found.tag.startsWith('perspective')) {
        assert.notEqual(found.label, '', `a ${found.tag} without a name`);
        assert.ok(found.seen, `the focus on ${found.label} is not seen`);
      }
      names.push(found.label);
    }
    for (const name of ['Grid', 'Source', 'Filter', 'Pause', 'Exact', 'Columns', 'Code', 'Theme: as the system']) assert.ok(names.includes(name), `${name} in ${names}`);
  });

  await within('code that runs', async (g, t) => {
    const { page } = g;
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin });
    await g.where(`{symbol: {_nin: ["it's", "a\\\\b"], _like: "A%"}, netPosition: {_gt: -9007199254740993}}`);
    await until('symbols with A', async () => (await g.column('symbol')).every((s) => s.startsWith('A')));
    await g.button('Code').click();
    const dialog = page.getByRole('dialog');
    const copy = async (language) => {
      await dialog.getByRole('button', { name: language }).click();
      await dialog.getByRole('button', { name: 'Copy' }).click();
      return page.evaluate(() => navigator.clipboard.readText());
    };
    const code = Object.fromEntries(await ['GraphQL', 'TypeScript', 'Go', 'curl'].reduce(async (all, language) => [...await all, [language, await copy(language)]], []));
    await picture(page, 'grid code');
    await page.keyboard.press('Escape');
    assert.equal(await dialog.count(), 0);

    const dir = mkdtempSync(join(tmpdir(), 'tycostream-code-'));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    const good = (symbol) => assert.match(symbol, /^A/);
    const lines = await run('sh', ['-c', code.curl], dir, (text) => /^data:.*\n\n/m.test(text)); // a comment may come before
    const frame = JSON.parse(/^data: ?(.*)$/m.exec(lines)[1]).data.livePnLChanges;
    assert.equal(frame.kind, 'SNAPSHOT');
    frame.changes.forEach((c) => good(c.data.symbol));

    writeFileSync(join(dir, 'main.go'), code.Go);
    const written = await run('go', ['run', 'main.go'], dir, (text) => text.includes('\n'));
    JSON.parse(written.split('\n')[0]).data.livePnLChanges.changes.forEach((c) => good(c.data.symbol));

    writeFileSync(join(dir, 'main.mjs'), `import WebSocket from 'ws';\nglobalThis.WebSocket ??= WebSocket;\nawait import('./copied.mjs');\n`);
    writeFileSync(join(dir, 'copied.mjs'), code.TypeScript); // it has no types in it
    execFileSync('npm', ['run', 'build', '--silent'], { cwd: join(root, 'clients') });
    symlinkSync(join(root, 'clients/node_modules'), join(dir, 'node_modules'));
    assert.match(await run('node', ['main.mjs'], dir, (text) => text.includes('changed')), /^\d+ rows: \d+ new, 0 changed, 0 gone\n/);

    const subscription = await fetch(`${origin}/graphql`, {
      method: 'POST', headers: { 'content-type': 'application/json', accept: 'text/event-stream' }, body: JSON.stringify({ query: code.GraphQL }),
    });
    const reader = subscription.body.pipeThrough(new TextDecoderStream()).getReader();
    let events = '';
    while (!/^data:.*\n\n/m.test(events)) events += (await reader.read()).value;
    await reader.cancel();
    good(JSON.parse(/^data: ?(.*)$/m.exec(events)[1]).data.livePnL.data.symbol);
  });

  await t.test('a gateway that is killed and comes back, without an empty frame', async (t) => {
    const before = await demo(t, binary, ['--rows', '300', '--rate', '500']);
    const g = await grid(context, before.origin);
    await g.is('live');
    await watchFrames(g.page);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await before.kill();
    await g.is('reconnecting');
    await picture(g.page, 'grid reconnecting');
    const stood = await until('the last known rows stay', async () => {
      const now = JSON.stringify(await g.rows());
      await new Promise((resolve) => setTimeout(resolve, 1000));
      return JSON.stringify(await g.rows()) === now && now;
    });
    await demo(t, binary, ['--rows', '300', '--rate', '500'], { GRAPHQL_PORT: new URL(before.origin).port });
    await g.is('live');
    await until('rows move again', async () => JSON.stringify(await g.rows()) !== stood);
    const { frames, least, veiled } = await g.page.evaluate(() => window.watched);
    assert.ok(frames > 60, `${frames} frames`);
    assert.ok(least > 20, `a frame with ${least} rows`);
    assert.equal(veiled, 0);
    assert.deepEqual(g.problems.filter((text) => !away.some((e) => e.test(text))), []);
    await g.page.close();
  });

  await t.test('another gateway at the same place, with other sources', async (t) => {
    const before = await demo(t, binary, ['--rows', '50']);
    const g = await grid(context, before.origin, '/#grid/livePnL');
    await g.is('live');
    await before.kill();
    const schema = 'sources:\n  trades: {primary_key: id, columns: {id: Integer, side: String}, required: false}\n';
    const port = new URL(before.origin).port;
    const other = await serve(t, binary, schema, { GRAPHQL_PORT: port, DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', DATABASE_ENGINE: 'postgres' });
    await g.page.getByText('The gateway has no source livePnL.').waitFor();
    await g.page.locator('.veil').getByText(/trades is starting: .*database/s).waitFor(); // sources.error, in the gateway's words
    await g.is('connecting');
    await picture(g.page, 'grid starting');
    await other.kill();
    await demo(t, binary, ['--rows', '50', '--rate', '200'], { GRAPHQL_PORT: port });
    await g.is('live');
    await until('rows of the first one again', async () => (await g.rows())[0]?.symbol !== undefined && !(await g.page.locator('.veil').isVisible()));
    assert.deepEqual(g.problems.filter((text) => !away.some((e) => e.test(text))), []);
    await g.page.close();
  });

  await t.test('with a secret that is wrong by now', async (t) => {
    const guarded = await demo(t, binary, ['--rows', '10', '--rate', '100'], { ADMIN_SECRET: 'open sesame' });
    const { page } = await openPage(context, guarded.origin, '/');
    const g = gridOf(page);
    await g.filled(); // reading needs none
    await page.evaluate(() => sessionStorage.setItem('tycostream:secret', 'closed sesame'));
    await page.reload();
    const dialog = page.getByRole('dialog', { name: 'Admin secret' });
    await dialog.getByText('does not know this secret').waitFor();
    await picture(page, 'grid secret');
    await dialog.getByLabel('Secret').fill('open sesame');
    await page.keyboard.press('Enter');
    await g.filled();
    await g.is('live');
    assert.equal(await page.evaluate(() => sessionStorage.getItem('tycostream:secret')), 'open sesame');
    assert.equal(await page.evaluate(() => JSON.stringify(localStorage).includes('sesame')), false);
    await page.close();
  });

  await t.test('GRAPHQL_UI=false', async (t) => {
    const bare = await demo(t, binary, ['--rows', '10'], { GRAPHQL_UI: 'false' });
    for (const path of ['/', '/playground', '/assets/x.js']) assert.equal((await fetch(bare.origin + path)).status, 404, path);
  });
});

// run starts a program and returns what it has written once that is enough.
async function run(command, args, cwd, enough) {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let text = '';
  let errors = '';
  child.stdout.on('data', (chunk) => { text += chunk; });
  child.stderr.on('data', (chunk) => { errors += chunk; });
  try {
    await until(`${command} writes enough`, () => {
      if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}: ${errors}`);
      return enough(text);
    }, 60);
    return text;
  } finally {
    try {
      process.kill(-child.pid, 'SIGKILL'); // and what it has started
    } catch {
      // it has ended
    }
  }
}

// watchFrames counts the rows that are seen, in every frame from now on.
function watchFrames(page) {
  return page.evaluate(() => {
    window.watched = { frames: 0, least: Infinity, veiled: 0 };
    const look = () => {
      const table = document.querySelector('perspective-viewer-datagrid').regular_table;
      const rows = [...table.querySelectorAll('tbody tr')].filter((tr) => tr.querySelector('td')?.textContent).length;
      window.watched.frames++;
      window.watched.least = Math.min(window.watched.least, rows);
      window.watched.veiled += document.querySelector('.veil').hidden ? 0 : 1;
      requestAnimationFrame(look);
    };
    look();
  });
}
