import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { openPage } from './browser.js';
import { until } from './gateway.js';

const root = new URL('../..', import.meta.url).pathname;

// grid opens the live page and waits for rows.
export async function grid(context, origin, path = '/') {
  const opened = await openPage(context, origin, path);
  const g = gridOf(opened.page);
  await g.filled();
  return { ...opened, ...g };
}

// gridOf drives the grid of a page.
export function gridOf(page) {
  const box = page.getByRole('combobox', { name: 'Filter' });
  const viewer = page.locator('perspective-viewer');
  const button = (name) => page.locator('.grid-bar').getByRole('button', { name, exact: true });
  const self = {
    box,
    button,
    // rows are what is seen, as objects by heading.
    rows: () => page.evaluate(() => {
      const table = document.querySelector('perspective-viewer-datagrid')?.regular_table;
      if (!table) return [];
      const names = [...table.querySelectorAll('thead tr:first-child th')].map((th) => th.textContent);
      return [...table.querySelectorAll('tbody tr')]
        .map((tr) => [...tr.querySelectorAll('td')].map((td) => // a bar has its number in an attribute
          (td.classList.contains('psp-color-mode-label-bar') ? td.dataset.pspLabel ?? '' : td.textContent)))
        .filter((cells) => cells.length > 0)
        .map((cells) => Object.fromEntries(cells.map((text, i) => [names[i], text])));
    }),
    column: async (name) => (await self.rows()).map((row) => row[name]),
    filled: () => until('rows', async () => (await self.rows()).length > 0),
    state: () => page.locator('.vitals .pill').innerText(),
    is: (text) => until(`the state is ${text}`, async () => (await self.state()) === text),
    message: () => page.locator('.message .text').innerText(),
    where: async (text) => {
      await box.fill(text);
      await box.press('Enter');
    },
    // table reads the whole table, and not only what is seen.
    table: (columns, format = 'to_columns') => viewer.evaluate(async (v, [columns, format]) => {
      const view = await (await v.getTable()).view({ columns });
      try {
        return await view[format]();
      } finally {
        await view.delete();
      }
    }, [columns, format]),
    size: () => viewer.evaluate(async (v) => (await v.getTable()).size()),
    config: () => viewer.evaluate((v) => v.save()),
    heading: (name) => page.locator('perspective-viewer-datagrid th', { hasText: new RegExp(`^${name}$`) }),
    scroll: (row) => until(`row ${row}`, () => page.evaluate(async (row) => {
      const table = document.querySelector('perspective-viewer-datagrid').regular_table;
      table.scrollTop = row * 24;
      await new Promise((resolve) => setTimeout(resolve, 50));
      await table.draw(); // fails while the view is exchanged
      return true;
    }, row)),
  };
  return self;
}

// postgres starts a database whose table changes when it is told to: pgfeed.
export async function postgres(t, rows) {
  const child = spawn('go', ['run', './test/browser/pgfeed', String(rows)], { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = once(child, 'exit');
  t.after(async () => {
    child.stdin.end();
    await ended;
  });
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error('pgfeed has ended');
    return JSON.parse(value);
  };
  const { url } = await answer();
  return {
    url,
    ask(line) {
      child.stdin.write(`${line}\n`);
      return answer();
    },
  };
}
