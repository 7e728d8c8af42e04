// Triggers and sources on the page of the real program.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { test } from 'node:test';

import { openBrowser, openPage, picture } from './browser.js';
import { buildGateway, demo, until } from './gateway.js';

/** A webhook receiver that answers what it is told to. */
async function receiver(t) {
  const got = [];
  const state = { got, status: 200 };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    got.push(JSON.parse(body));
    response.writeHead(state.status).end(state.status === 200 ? '' : 'no room');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  state.url = `http://127.0.0.1:${server.address().port}/hook`;
  return state;
}

test('the page: triggers and sources', async (t) => {
  const binary = buildGateway(t);
  const { origin } = await demo(t, binary, ['--rows', '100', '--rate', '300']);
  const hook = await receiver(t);
  const context = await openBrowser(t, { width: 1280, height: 720 });

  const within = (name, hash, run, env = origin) => t.test(name, async () => {
    const { page, problems } = await openPage(context, env, `/${hash}`);
    try {
      await run(page);
      assert.deepEqual(problems, []);
    } catch (error) {
      await picture(page, `failed ${name}`);
      throw error;
    } finally {
      await page.close();
    }
  });
  const row = (page, name) => page.getByRole('table', { name: 'Triggers' }).getByRole('row').filter({ hasText: name });

  await within('a trigger is made, fires, and is deleted', '#triggers', async (page) => {
    await row(page, 'big_winner').getByText('in schema.yaml').waitFor();
    assert.equal(await row(page, 'big_winner').getByRole('button', { name: 'Delete' }).count(), 0);
    await page.getByRole('button', { name: 'New trigger' }).click();
    const form = page.getByRole('dialog');
    await form.getByRole('button', { name: 'Create' }).click();
    await form.getByText('it needs a name').waitFor();
    await form.getByLabel('Name').fill('mine');
    await form.getByLabel('Webhook').fill(hook.url);
    await form.getByLabel('Fire when').fill('{symbol: {_regex: "("}}');
    await form.getByRole('button', { name: 'Create' }).click();
    await form.getByText(/missing closing/).waitFor(); // the gateway's words, at the field
    assert.equal(await form.getByLabel('Fire when').getAttribute('aria-invalid'), 'true');
    await picture(page, 'trigger form');
    await form.getByLabel('Fire when').fill('{latestPrice: {_gt: 50}}');
    await form.getByLabel('Clear when').fill('{latestPrice: {_lte: 50}}');
    await form.getByLabel('Rows that match now fire at once').check();
    await form.getByRole('button', { name: 'Create' }).press('Enter');
    await form.waitFor({ state: 'detached' });
    await row(page, 'mine').getByText('active').waitFor();
    const fired = await until('deliveries', () => hook.got.find((d) => d.event_type === 'FIRE' && d.trigger_name === 'mine'));
    assert.ok(Number(fired.data.latestPrice) > 50);
    await page.getByRole('region', { name: 'Live deliveries' }).getByText('mine').first().waitFor();

    await row(page, 'mine').getByRole('button', { name: 'mine' }).click();
    const detail = page.getByRole('region', { name: 'Trigger mine' });
    await detail.getByText(hook.url).waitFor();
    await detail.getByRole('table', { name: 'Deliveries' }).getByText('FIRE').first().waitFor();
    assert.ok(await detail.getByRole('table', { name: 'Rows that fire' }).getByRole('row').count() > 1);
    await row(page, 'mine').getByRole('button', { name: 'Test' }).click();
    await until('the sample', () => hook.got.some((d) => d.event_type === 'TEST'));
    await picture(page, 'triggers');

    await row(page, 'mine').getByRole('button', { name: 'Pause' }).click();
    await row(page, 'mine').getByText('paused').waitFor();
    await row(page, 'mine').getByRole('button', { name: 'Resume' }).click();
    await row(page, 'mine').getByText('active').waitFor();
    page.once('dialog', (dialog) => dialog.accept());
    await row(page, 'mine').getByRole('button', { name: 'Delete' }).click();
    await row(page, 'mine').waitFor({ state: 'detached' });
    await detail.waitFor({ state: 'detached' });
  });

  await within('what a receiver refuses is seen', '#triggers', async (page) => {
    hook.status = 410;
    await page.getByRole('button', { name: 'New trigger' }).click();
    const form = page.getByRole('dialog');
    await form.getByLabel('Name').fill('refused');
    await form.getByLabel('Webhook').fill(hook.url);
    await form.getByLabel('Fire when').fill('latestPrice: {_gt: 0}');
    await form.getByLabel('Rows that match now fire at once').check();
    await form.getByRole('button', { name: 'Create' }).click();
    await row(page, 'refused').getByText('stopped').waitFor();
    await row(page, 'refused').getByRole('button', { name: 'refused' }).click();
    const detail = page.getByRole('region', { name: 'Trigger refused' });
    await detail.getByRole('button', { name: 'Given up' }).click();
    const first = detail.getByRole('table', { name: 'Deliveries' }).getByRole('row').nth(1);
    await first.getByText('410 no room').waitFor();
    await picture(page, 'trigger stopped');
    hook.status = 200;
    const before = hook.got.length;
    await row(page, 'refused').getByRole('button', { name: 'Resume' }).click();
    await row(page, 'refused').getByText('active').waitFor();
    await detail.getByRole('button', { name: 'Send all again' }).click();
    await until('deliveries', () => hook.got.length > before);
  });

  await within('sources', '#sources', async (page) => {
    const card = page.getByRole('article', { name: 'Source live_pnl' });
    await card.getByText('live', { exact: true }).waitFor();
    await until('a rate', async () => /Changes\/s\s*[1-9]/.test(await card.innerText()));
    // The header tells of the source, though nobody looks at its rows.
    await until('live', async () => (await page.locator('.vitals .pill').innerText()) === 'live');
    await until('rows, a rate, an age', async () => /^live\s*100 rows\s*[1-9]\d*\s*updates\/s\s*[\d.]+ m?s old$/.test(await page.locator('.vitals').innerText()));
    await card.getByText('Columns').click();
    await card.getByText('net_position').waitFor();
    await picture(page, 'sources');
    await card.getByRole('button', { name: 'Open in grid' }).click();
    await until('the grid', () => page.url().endsWith('#grid/livePnL'));
  });

  await t.test('with a secret', async (t) => {
    const guarded = await demo(t, binary, ['--rows', '10'], { ADMIN_SECRET: 'open sesame' });
    const { page } = await openPage(context, guarded.origin, '/#triggers');
    const dialog = page.getByRole('dialog', { name: 'Admin secret' });
    await dialog.getByLabel('Secret', { exact: true }).fill('wrong');
    await dialog.getByRole('button', { name: 'Use it' }).click();
    await dialog.getByText('does not know this secret').waitFor();
    await dialog.getByLabel('Secret', { exact: true }).fill('open sesame');
    await dialog.getByRole('button', { name: 'Use it' }).click();
    await row(page, 'big_winner').waitFor();
    await page.close();
  });
});
