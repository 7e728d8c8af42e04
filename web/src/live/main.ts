import './style.css';

import { createClient, LiveError } from '@tycostream/client';
import mark from '../icon.svg';
import { Auth } from './auth.js';
import type { Context } from './context.js';
import { h } from './dom.js';
import { Notices } from './notices.js';
import { pages } from './pages.js';
import { sourceReading } from './source-reading.js';
import { SourcesList } from './sources-list.js';
import { Tabs } from './tabs.js';
import { startTheme } from './theme.js';
import { themeButton } from './theme-button.js';
import { Vitals } from './vitals.js';
import { Value } from './value.js';

startTheme();

const auth = new Auth();
const client = createClient({
  url: new URL('graphql', document.baseURI).href, // beside the page, wherever a proxy has put the two
  auth: () => auth.credentials(),
});

async function request<T>(query: string, variables?: Record<string, unknown>): Promise<T> {
  for (;;) {
    try {
      return await client.request<T>(query, variables);
    } catch (error) {
      if (!(error instanceof LiveError) || error.code !== 'access-denied') throw error;
      const wrong = auth.secret.get() !== undefined;
      const given = await auth.ask(wrong ? 'The gateway does not know this secret.' : 'The gateway wants its admin secret for this.');
      if (given) continue;
      if (!wrong) throw error;
      auth.secret.set(undefined); // reading needs none
    }
  }
}

const notices = new Notices();
const sources = new SourcesList(client, request);
const ctx: Context = {
  client,
  sources: sources.value,
  selected: new Value<string | undefined>(undefined),
  auth,
  request,
  refresh: () => sources.refresh(),
  notify: (message, kind) => notices.show(message, kind),
  go: (tab, rest) => tabs.go(tab, rest),
};

const vitals = new Vitals();
vitals.watch(() => sourceReading(sources, ctx.selected.get())); // until the grid knows better
const tabs = new Tabs(pages(vitals), ctx);

document.getElementById('live')!.replaceChildren(
  h('header', { class: 'top' },
    h('a', { class: 'brand', href: '#' }, h('img', { src: mark, alt: '', width: 22, height: 22 }), h('span', null, 'tycostream')),
    tabs.bar,
    h('a', { class: 'tab-link', href: 'playground' }, 'Playground'),
    vitals.element,
    themeButton()),
  tabs.body,
  notices.element);
tabs.start();
