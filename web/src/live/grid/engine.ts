import perspective, { type Client } from '@perspective-dev/client';
import engineWasm from '@perspective-dev/server/dist/wasm/perspective-server.wasm?url';
import viewerLoader, { type HTMLPerspectiveViewerElement } from '@perspective-dev/viewer';
import '@perspective-dev/viewer-datagrid';
import '@perspective-dev/viewer/dist/css/icons.css';
import '@perspective-dev/viewer/dist/css/intl.css';
import viewerWasm from '@perspective-dev/viewer/dist/wasm/perspective-viewer.wasm?url';
import './theme.css';

export type Viewer = HTMLPerspectiveViewerElement;

// Both files are on their way as soon as this module is there. The viewer's
// holds the client too, so that perspective-js.wasm need not exist.
perspective.init_server(fetch(engineWasm));
const clientReady = viewerLoader.init_client(fetch(viewerWasm));

/** The engine, in a worker of its own. */
export const engine: Promise<Client> = clientReady.then(() => perspective.worker());

export const themes = { light: 'Tyco Light', dark: 'Tyco Dark' } as const;
