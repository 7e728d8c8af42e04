// The table of clients and behaviours. Each cell is a test: one that a client
// cannot pass says why, and none is left out.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { behaviours as every } from './behaviours.mjs';
import { serve, subscribers, upstream } from './gateway.mjs';

const exitCodes = { SIGTERM: 0, SIGKILL: null };

/** Tests what the clients do, and more, in one style of names. */
export function table(style, clients, more = {}) {
  const behaviours = { ...every, ...more };
  describe(style.name, { concurrency: clients.length }, () => {
    let db;
    before(async () => { db = await upstream(); });
    after(() => db.stop());
    for (const client of clients) {
      describe(client.name, { concurrency: 1 }, () => {
        const on = {
          style,
          rows: 60,
          async start() { on.gateway = await serve(db, style, { port: on.gateway?.port }); },
          async stop(signal) { assert.equal(await on.gateway.stop(signal), exitCodes[signal]); },
        };
        before(() => on.start());
        after(() => on.gateway.stop());
        const { cannot = {} } = client;
        for (const name of Object.keys(cannot)) assert.ok(behaviours[name], `${client.name}: ${name}?`);
        for (const [name, behave] of Object.entries(behaviours)) {
          test(name, { skip: cannot[name] }, async () => {
            await subscribers(on.gateway, 0);
            const { open, close } = opener(client);
            try {
              await behave(Object.assign(on, { open }));
            } finally {
              await close();
            }
          });
        }
      });
    }
  });
}

/** Opens clients, whose subscriptions and connections close ends. */
function opener(client) {
  const ends = [];
  return {
    open(at) {
      const { subscribe, close, ...rest } = client.open(at);
      ends.unshift(close);
      return {
        ...rest,
        subscribe: subscribe && ((...args) => {
          const stop = subscribe(...args);
          ends.unshift(stop);
          return stop;
        }),
      };
    },
    async close() { for (const end of ends) await end(); },
  };
}
