// The playground of the real program in a real browser: what a newcomer does
// first, and what a page must never do.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { editor, openBrowser, openPage, picture, playground } from './browser.js';
import { buildGateway, demo, until } from './gateway.js';

const opening = `subscription LivePnL {
  livePnL {
    operation
    data {
      instrumentId
      symbol
      latestPrice
      marketValue
      theoreticalPnl
    }
    fields
    timestamp
  }
}`;

test('playground', async (t) => {
  const binary = buildGateway(t);
  const { origin } = await demo(t, binary, ['--rows', '100', '--rate', '400']);
  const context = await openBrowser(t);

  // forget empties what GraphiQL keeps, when no GraphiQL is there to write it anew.
  const forget = async () => {
    const page = await context.newPage();
    await page.goto(`${origin}/healthz`);
    await page.evaluate(() => localStorage.clear());
    await page.close();
  };

  // within runs a test on a page of its own, which must end without problems.
  const within = (name, run, expected = []) => t.test(name, async () => {
    await forget();
    const p = await playground(context, origin);
    try {
      await run(p);
      const unexpected = p.problems.filter((text) => !expected.some((e) => e.test(text)));
      assert.deepEqual(unexpected, []);
    } catch (error) {
      await picture(p.page, `failed ${name}`);
      throw error;
    } finally {
      await p.page.close();
    }
  });

  await t.test('a browser at /graphql is led to it', async () => {
    for (const path of ['/graphql', '/playground/']) {
      const { page, problems, response } = await openPage(context, origin, path);
      await page.locator('.graphiql-query-editor .CodeMirror').waitFor();
      assert.equal(page.url(), `${origin}/playground`);
      assert.equal(await page.title(), 'tycostream playground');
      assert.match(response.headers()['content-security-policy'], /script-src 'self'; style-src 'self';/);
      await page.waitForLoadState('networkidle');
      assert.deepEqual(problems, []);
      await page.close();
    }
  });

  await within('it opens with a subscription that runs by one click', async (p) => {
    const text = await p.query.read();
    assert.ok(text.includes(opening), text);
    await p.run();
    const first = await p.answer('a row', (r) => r.data.livePnL.operation);
    assert.deepEqual(Object.keys(first.data.livePnL.data), ['instrumentId', 'symbol', 'latestPrice', 'marketValue', 'theoreticalPnl']);
    const later = await p.answer('a change', (r) => r.data.livePnL.operation === 'UPDATE' && r.extensions.eventsSeen > 300);
    assert.notEqual(later.data.livePnL.timestamp, first.data.livePnL.timestamp);
    assert.ok(later.data.livePnL.fields.length > 0);
    await picture(p.page, 'running');
  });

  await within('it shows the newest result four times a second', async (p) => {
    await p.run();
    await p.answer('the snapshot is over', (r) => r.extensions.eventsSeen > 100);
    const { shown, from, to } = await p.page.evaluate(async () => {
      const e = document.querySelector('.graphiql-response .CodeMirror').CodeMirror;
      const seen = [];
      const end = performance.now() + 3000;
      e.on('change', () => seen.push(e.getValue()));
      await new Promise((resolve) => setTimeout(resolve, end - performance.now()));
      const count = (text) => JSON.parse(text).extensions.eventsSeen;
      return { shown: seen.length, from: count(seen[0]), to: count(seen.at(-1)) };
    });
    assert.ok(shown >= 6 && shown <= 13, `${shown} results in 3 s`);
    assert.ok(to - from > 5 * shown, `${to - from} events in ${shown} results`);
  });

  await within('it runs and stops by keyboard', async (p) => {
    await p.query.focus();
    await p.page.keyboard.press('Control+Enter');
    await p.answer('rows', (r) => r.extensions.eventsSeen > 1);
    await p.query.focus();
    await p.page.keyboard.press('Control+Enter');
    await until('the subscription ends', () => p.sent.some((m) => JSON.parse(m).type === 'complete'));
    const before = await p.result.read();
    await new Promise((resolve) => setTimeout(resolve, 800));
    assert.equal(await p.result.read(), before);
  });

  await within('a query', async (p) => {
    await p.query.write('{ livePnL(limit: 3, where: {instrumentId: {_lte: 3}}) { instrumentId symbol } }');
    await p.run();
    const { data, extensions } = await p.answer('three rows', (r) => r.data.livePnL.length === 3);
    assert.equal(extensions?.eventsSeen, undefined);
    assert.ok(data.livePnL.every((row) => row.symbol));
  });

  await within('mistakes in a query are shown', async (p) => {
    await p.query.write('{ nope }');
    await p.run();
    const { errors } = await p.answer('an error', (r) => r.errors);
    assert.match(errors[0].message, /nope/);
    await p.query.write('{ livePnL(');
    await p.run();
    await p.answer('a syntax error', (r) => r.errors && !/nope/.test(r.errors[0].message));
  });

  await within('mistakes in a subscription are shown', async (p) => {
    await p.query.write('subscription { livePnL(where: {symbol: {_eq: null}}) { operation } }');
    await p.run();
    const { errors } = await p.answer('an error', (r) => r.errors);
    assert.match(errors[0].message, /null/);
    await picture(p.page, 'error');
  });

  await within('headers go into connection_init and into HTTP', async (p) => {
    await p.page.getByRole('button', { name: 'Headers' }).click();
    const headers = editor(p.page, '.graphiql-editor-tool .graphiql-editor:not(.hidden)');
    await headers.write('{"X-Example": "one"}');
    await p.run();
    await p.answer('rows', (r) => r.extensions.eventsSeen > 1);
    assert.deepEqual(JSON.parse(p.sent[0]), { type: 'connection_init', payload: { headers: { 'X-Example': 'one' } } });
    await p.run();
    const asked = p.page.waitForRequest((r) => r.postData()?.includes('__typename'));
    await p.query.write('{ __typename }');
    await p.run();
    assert.equal((await asked).headers()['x-example'], 'one');
  });

  await within('menus, dialogs and the documentation keep to the content policy', async (p) => {
    const { page } = p;
    await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
    await page.locator('.graphiql-doc-explorer').getByText('Subscription', { exact: true }).click();
    await page.locator('.graphiql-doc-explorer').getByText('livePnLChanges').first().waitFor();
    await picture(page, 'documentation');
    await page.getByRole('button', { name: 'Show History' }).click();
    await page.getByRole('button', { name: 'Open settings dialog' }).click();
    await page.getByRole('button', { name: 'Dark' }).click();
    await page.keyboard.press('Escape');
    await p.query.write('query A { __typename }\nquery B { sources { name } }');
    const second = page.getByRole('menuitem', { name: 'B' });
    await until('the button offers both operations', async () => {
      await p.run();
      await second.waitFor({ timeout: 500 });
      return true;
    });
    await picture(page, 'menu');
    await second.click();
    await p.answer('the second operation', (r) => r.data.sources);
    await picture(page, 'dark');
  });

  await t.test('with a secret', async (t) => {
    const guarded = await demo(t, binary, ['--rows', '10'], { ADMIN_SECRET: 'open sesame' });
    const p = await playground(context, guarded.origin);
    await p.page.getByRole('button', { name: 'Headers' }).click();
    const headers = editor(p.page, '.graphiql-editor-tool .graphiql-editor:not(.hidden)');
    await headers.write('{"x-hasura-admin-secret": "wrong"}');
    await p.run();
    const refusal = await until('a refusal', async () => (await p.result.read()).trim());
    assert.match(refusal, /4403|secret/);
    await headers.write('{"x-hasura-admin-secret": "open sesame"}');
    await p.run();
    await p.answer('rows', (r) => r.extensions.eventsSeen > 1);
    await p.page.close();
  });

  await t.test('a subscription goes on when the gateway comes back', async (t) => {
    const before = await demo(t, binary, ['--rows', '10']);
    const p = await playground(context, before.origin);
    await p.run();
    const { extensions } = await p.answer('rows', (r) => r.extensions.eventsSeen > 10);
    await before.kill();
    await demo(t, binary, ['--rows', '10'], { GRAPHQL_PORT: new URL(before.origin).port });
    await p.answer('rows again', (r) => r.extensions.eventsSeen > extensions.eventsSeen + 30);
    await p.page.close();
  });

  await t.test('it says when the gateway is gone', async (t) => {
    const own = await demo(t, binary, ['--rows', '10']);
    const p = await playground(context, own.origin);
    await own.kill();
    await p.run();
    const text = await until('a refusal', async () => (await p.result.read()).trim());
    assert.match(text, /connection/);
    await p.page.close();
  });
});
