import { createClient } from '@tycostream/client';
import { TycostreamProvider } from '@tycostream/react';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Grid } from './grid.js';
import { Losers } from './losers.js';

// `make demo` in the repository's root serves this; VITE_TYCOSTREAM_URL names another gateway.
const client = createClient({ url: import.meta.env['VITE_TYCOSTREAM_URL'] ?? 'http://localhost:4000/graphql' });

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <TycostreamProvider client={client}>
      <Losers />
      <Grid />
    </TycostreamProvider>
  </StrictMode>,
);
