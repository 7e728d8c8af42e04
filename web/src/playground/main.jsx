import 'graphiql/style.css';
import './style.css';

import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';

import icon from '../icon.svg';
import { createFetcher, post } from './fetcher.js';
import { openingTabs, sourcesQuery } from './opening.js';
import { storageFor } from './storage.js';

// Beside the page, wherever a proxy has put the two.
const url = new URL('graphql', location.href).href;
const socketUrl = url.replace(/^http/, 'ws');

// readSources returns none when the gateway does not answer: the page opens
// all the same, and GraphiQL shows what the gateway says.
async function readSources() {
  try {
    const answer = await post({ params: { query: sourcesQuery }, url });
    return answer.data?.sources ?? [];
  } catch {
    return [];
  }
}

const sources = await readSources();

createRoot(document.getElementById('playground')).render(
  <GraphiQL
    fetcher={createFetcher({ url, socketUrl })}
    defaultTabs={openingTabs(sources)}
    storage={storageFor(sources)}
    defaultEditorToolsVisibility={false}
    schemaDescription
  >
    <GraphiQL.Logo>
      <span className="wordmark">
        <img src={icon} alt="" />
        tycostream
      </span>
    </GraphiQL.Logo>
  </GraphiQL>,
);
