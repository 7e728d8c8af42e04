import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

import { chromium } from 'playwright-core';

import { until } from './gateway.js';

const screenshots = new URL('screenshots/', import.meta.url).pathname;

// chromiumPath returns CHROMIUM, or the first browser of that family on PATH.
function chromiumPath() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
    for (const dir of process.env.PATH.split(delimiter)) {
      if (existsSync(join(dir, name))) return join(dir, name);
    }
  }
  throw new Error('no Chromium: install the package chromium, or set CHROMIUM to its path');
}

// openBrowser starts the system's Chromium with a fresh profile.
export async function openBrowser(t, viewport = { width: 1360, height: 820 }) {
  const profile = mkdtempSync(join(tmpdir(), 'tycostream-chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: chromiumPath(),
    headless: true,
    viewport,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
  });
  t.after(async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  });
  return context;
}

// openPage opens a page that collects whatever it must not do: console errors,
// exceptions, breaches of its content policy, failed requests, and requests to
// any other origin. It also collects what it sends by WebSocket.
export async function openPage(context, origin, path) {
  const page = await context.newPage();
  const problems = [];
  const sent = [];
  const requests = [];
  const own = (url) => url.startsWith('data:') || url.startsWith(`blob:${origin}/`) || new URL(url).host === new URL(origin).host;

  page.on('console', (m) => {
    if (m.type() === 'error' || m.type() === 'warning') problems.push(`console ${m.type()}: ${m.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`exception: ${error}`));
  page.on('request', (r) => {
    requests.push(r.url());
    if (!own(r.url())) problems.push(`request to another host: ${r.url()}`);
  });
  page.on('requestfailed', (r) => problems.push(`failed: ${r.url()} ${r.failure()?.errorText}`));
  page.on('response', (r) => {
    if (r.status() >= 400) problems.push(`${r.status()} ${r.url()}`);
  });
  page.on('websocket', (ws) => {
    if (!own(ws.url())) problems.push(`socket to another host: ${ws.url()}`);
    ws.on('framesent', ({ payload }) => sent.push(String(payload)));
  });
  await page.exposeFunction('reportViolation', (text) => problems.push(`content policy: ${text}`));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (e) => {
      window.reportViolation(`${e.effectiveDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber} ${e.sample}`);
    });
  });
  const response = await page.goto(origin + path);
  return { page, problems, sent, requests, response };
}

// editor drives one of GraphiQL's CodeMirrors.
export function editor(page, selector) {
  const find = page.locator(`${selector} .CodeMirror`);
  return {
    read: () => find.evaluate((e) => e.CodeMirror.getValue()),
    write: (text) => find.evaluate((e, value) => e.CodeMirror.setValue(value), text),
    focus: () => find.evaluate((e) => e.CodeMirror.focus()),
  };
}

// playground opens it and waits until GraphiQL has read the schema.
export async function playground(context, origin, path = '/playground') {
  const opened = await openPage(context, origin, path);
  const { page } = opened;
  await page.locator('.graphiql-query-editor .CodeMirror').waitFor();
  await page.locator('.graphiql-response .CodeMirror').waitFor();
  await until('the schema is read', () => opened.requests.filter((u) => u === `${origin}/graphql`).length >= 2);
  await page.waitForLoadState('networkidle');
  const query = editor(page, '.graphiql-query-editor');
  const result = editor(page, '.graphiql-response');
  return {
    ...opened,
    query,
    result,
    run: () => page.locator('.graphiql-execute-button').click(),
    answer: async (what, check) => JSON.parse(await until(what, async () => {
      const text = await result.read();
      try {
        return check(JSON.parse(text)) ? text : null;
      } catch {
        return null;
      }
    })),
  };
}

// picture saves a screenshot for people to look at.
export async function picture(page, name) {
  mkdirSync(screenshots, { recursive: true });
  await page.screenshot({ path: join(screenshots, `${name}.png`) });
}
