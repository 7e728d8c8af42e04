// Every client, with the repository's schema.

import { overHTTP } from './over-http.mjs';
import { overWebSocket } from './over-websocket.mjs';
import { camelCase } from './styles.mjs';
import { table } from './table.mjs';

table(camelCase, [...overWebSocket, ...overHTTP]);
