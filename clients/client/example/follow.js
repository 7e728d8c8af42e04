// Follows the demo in a terminal. In the repository's root `make demo`; then here:
//   npm ci && npm run build && node client/example/follow.js '{"symbol": {"_like": "A%"}}'
import { createClient } from '@tycostream/client';
import { WebSocket } from 'ws';

const url = process.env.TYCOSTREAM_URL ?? 'http://localhost:4000/graphql';
const where = process.argv[2] ? JSON.parse(process.argv[2]) : undefined;

const client = createClient({ url, webSocketImpl: WebSocket });
const rows = client.liveRows({ source: 'livePnL', where, columns: ['symbol', 'latestPrice', 'marketValue'] });
rows.onStatus(({ status, error }) => console.error(error ? `${status}: ${error.message}` : status));
process.on('SIGINT', () => client.dispose());

try {
  for await (const { inserts, updates, deletes } of rows) {
    for (const row of inserts) console.log('+', row.symbol, row.latestPrice, row.marketValue);
    for (const row of updates) console.log('~', row.symbol, row.latestPrice, row.marketValue);
    for (const row of deletes) console.log('-', row.symbol);
  }
} catch {
  process.exitCode = 1; // onStatus has said why
  await client.dispose();
}
