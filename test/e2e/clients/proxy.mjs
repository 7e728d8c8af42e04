// A way to a gateway that breaks when a test wants it to.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** Listens; resolves to the way to a port of this machine. */
export async function proxy(port) {
  const pairs = new Set();
  const server = createServer((client) => {
    const pair = [client, connect(port, '127.0.0.1')];
    pairs.add(pair);
    for (const [from, to] of [pair, [...pair].reverse()]) {
      from.pipe(to);
      from.on('error', () => {});
      from.on('close', () => { pairs.delete(pair); to.destroy(); });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `127.0.0.1:${server.address().port}/graphql`;
  return {
    http: `http://${address}`,
    ws: `ws://${address}`,
    /** Ends the connections that there are, as a crash of this machine would. */
    cut: () => { for (const socket of [...pairs].flat()) socket.resetAndDestroy(); },
    /** Swallows what they carry from now on, as a broken network does. */
    mute() {
      for (const socket of [...pairs].flat()) {
        socket.unpipe();
        socket.pause();
      }
    },
    close() {
      server.close();
      for (const socket of [...pairs].flat()) socket.destroy();
    },
  };
}
