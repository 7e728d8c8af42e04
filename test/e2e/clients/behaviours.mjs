// What every client must do. A behaviour is run on a style of names, a gateway,
// stop and start for the latter, and open for clients.

import assert from 'node:assert/strict';
import { subscribers, until } from './gateway.mjs';
import { proxy } from './proxy.mjs';
import { Frames, Rows } from './rows.mjs';

/** Fails when something takes long: a client must never hang. */
async function soon(what, promise) {
  let settled;
  const set = () => { settled = true; };
  promise.then(set, set);
  await until(what, () => settled);
  return promise;
}

/** Subscribes for a sink, which hears nothing once that has been stopped. */
function begin(client, sink) {
  let over = false;
  const heard = (method) => (...args) => { if (!over) sink[method](...args); };
  const stop = client.subscribe(sink.document, { where: sink.where }, {
    take: heard('take'), fail: heard('fail'), end: heard('end'), again: heard('again'),
  });
  return () => {
    over = true;
    stop();
  };
}

/** Follows the same rows one by one and in frames. */
async function follow(on, client) {
  const { style } = on;
  const sinks = client.subscribe ? [new Rows(style), new Frames(style)] : [];
  let stops = sinks.map((sink) => begin(client, sink));
  const check = async () => {
    for (const sink of sinks) await sink.check(on.gateway);
  };
  await check();
  return {
    check,
    /** Waits until all have begun anew after what happened, and are right. */
    async comesBack(happen) {
      const before = sinks.map((sink) => sink.begun);
      await happen();
      await until('a new beginning', () => sinks.every((sink, i) => sink.healthy() && sink.begun > before[i]));
      await check();
    },
    /** Begins anew when frames, which come at least every 300 ms, do not. */
    watch() {
      const [, frames] = sinks;
      return setInterval(() => {
        if (Date.now() - frames.heard < 1500) return;
        frames.heard = Date.now();
        for (const stop of stops) stop();
        for (const sink of sinks) sink.again();
        stops = sinks.map((sink) => begin(client, sink));
      }, 50);
    },
    async stop() {
      for (const stop of stops) stop();
      await subscribers(on.gateway, 0);
    },
  };
}

const answers = async (on, client, key = 7) => {
  const { one } = await soon('an answer', client.request(on.style.one, { key }));
  assert.equal(one[on.style.id], key);
};

async function outlasts(on, signal) {
  const client = on.open(on.gateway);
  const follower = await follow(on, client);
  for (let round = 0; round < 2; round++) {
    await follower.comesBack(async () => {
      await on.stop(signal);
      // Asked while nobody listens, it may fail or wait, but not for ever.
      const asked = client.request(on.style.one, { key: 1 }).catch(() => {});
      await on.start();
      await soon('an end of what was asked', asked);
    });
    await answers(on, client);
  }
  await follower.stop();
}

async function outlastsOnTheWay(on, rounds, breaks) {
  const way = await proxy(on.gateway.port);
  let watch;
  try {
    const client = on.open(way);
    const follower = await follow(on, client);
    if (client.deaf) watch = follower.watch();
    for (let round = 0; round < rounds; round++) await follower.comesBack(() => breaks(way));
    await answers(on, client);
  } finally {
    clearInterval(watch);
    way.close();
  }
}

export const behaviours = {
  async 'requests'(on) {
    const client = on.open(on.gateway);
    await answers(on, client);
    const { trigger } = on.style;
    const name = 'never', webhook = 'http://127.0.0.1:9/never';
    const created = await client.request(trigger.create, { input: { name, webhook, fire: trigger.fire } });
    assert.deepEqual({ ...created.trigger, __typename: 'Trigger' },
      { name, webhook, fire: JSON.stringify(trigger.fire), clear: null, __typename: 'Trigger' });
    const got = await client.request(trigger.get, { name });
    assert.equal(got.trigger.name, name);
    assert.ok(got.all.some((t) => t.name === name && t.fire === JSON.stringify(trigger.fire)));
    await client.request(trigger.remove, { name });
    assert.equal((await client.request(trigger.get, { name })).trigger, null);
  },

  async 'subscribes'(on) {
    const client = on.open(on.gateway);
    const rows = new Rows(on.style, {});
    client.subscribe(on.style.rows, {}, rows);
    await rows.check(on.gateway);
    assert.equal(rows.held.size, on.rows);
  },

  async 'filters'(on) {
    const client = on.open(on.gateway);
    const rows = new Rows(on.style);
    client.subscribe(on.style.rows, { where: on.style.where }, rows);
    await rows.check(on.gateway);
    const { INSERT, DELETE } = rows.counts;
    await until('rows that enter and leave', () => rows.healthy() && rows.counts.INSERT > INSERT && rows.counts.DELETE > DELETE);
    await rows.same(on.gateway);
    assert.ok(rows.held.size < on.rows, 'some do not match');
  },

  async 'is refused'(on) {
    const client = on.open(on.gateway);
    const follower = await follow(on, client);
    const { rows, query, unknown } = on.style;
    const cases = [
      { body: unknown, message: /nosuch/, code: 'GRAPHQL_VALIDATION_FAILED' },
      { variables: { where: { nosuch: { _eq: 1 } } }, message: /nosuch/, code: 'BAD_USER_INPUT' },
      { variables: { where: { symbol: { _regex: '(' } } }, message: /missing closing \)/, code: 'BAD_USER_INPUT' },
      { variables: { where: { symbol: { _eq: null } } }, message: /null/, code: 'validation-failed' },
    ];
    for (const { body, variables, message, code } of cases) {
      const fits = ([error]) => {
        assert.match(error.message, message);
        assert.equal(error.extensions?.code, code);
        return true;
      };
      await assert.rejects(soon('a refusal', client.request(body ?? query, variables)), ({ errors }) => fits(errors));
      if (!client.subscribe) continue;
      const heard = new Rows(on.style);
      client.subscribe(body ? `subscription ${body}` : rows, variables, heard);
      await until(`an end of ${body ?? JSON.stringify(variables)}`, () => heard.errors.length && (heard.ended || client.endless), 10_000);
      fits(heard.errors);
      assert.equal(heard.held.size, 0);
    }
    await follower.check();
    await answers(on, client);
    await follower.stop();
  },

  async 'unsubscribes'(on) {
    const client = on.open(on.gateway);
    const follower = await follow(on, client);
    await subscribers(on.gateway, 2);
    await follower.stop();
    await answers(on, client);
    const next = await follow(on, client);
    await next.stop();
    assert.equal(client.connections?.() ?? 1, 1);
  },

  'outlasts a cut': (on) => outlastsOnTheWay(on, 2, (way) => way.cut()),
  'outlasts silence': (on) => outlastsOnTheWay(on, 1, (way) => way.mute()),
  'outlasts a restart': (on) => outlasts(on, 'SIGTERM'),
  'outlasts a kill': (on) => outlasts(on, 'SIGKILL'),
};
