// Components on a page, and scripts of random frames for them to follow.
import './dom.js';
import assert from 'node:assert/strict';
import { createElement as h, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { TycostreamProvider } from '@tycostream/react';
import { until } from '../../client/test/scripted.js';

/** Draws a hook, once for each of the options given, and says what each drawing got. */
export function draw(t, use, client, around = (children) => children) {
  const root = createRoot(document.createElement('div'));
  const drawn = [];
  const Show = ({ options }) => {
    drawn.push(use(options));
    return null;
  };
  const page = {
    drawn,
    last: () => drawn.at(-1),
    render: (...given) => root.render(h(StrictMode, null, around(
      h(TycostreamProvider, { client: page.client }, ...given.map((options, i) => h(Show, { options, key: i })))))),
    unmount: () => root.unmount(),
    client,
  };
  t.after(() => root.unmount());
  return page;
}

export const ids = (rows) => rows.map((row) => row.id).join();

/** Rows as text, whatever their order. */
export const text = (rows) => JSON.stringify([...rows].map(({ id, price }) => [id, price]).sort((a, b) => a[0] - b[0]));

export function dice(seed) {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

export const seeds = [1, Date.now() >>> 0];

/** Random frames, and what a client must hold after each. */
function* script(seed, steps) {
  const roll = dice(seed);
  const model = new Map();
  const some = () => Array.from({ length: roll(6) }, () => 1 + roll(12));
  for (let i = 0; i < steps; i++) {
    const reset = i === 0 || roll(8) === 0;
    if (reset) model.clear();
    const deletes = reset ? [] : some();
    for (const id of deletes) model.delete(id);
    const rows = [...new Set(some())].filter((id) => !deletes.includes(id)).map((id) => [id, `${7 * roll(4)}`]); // as texts in another order than as numbers
    for (const [id, price] of rows) model.set(id, { id, price });
    const last = i === steps - 1;
    yield { frame: { kind: i === 0 ? 'SNAPSHOT' : reset ? 'RESET' : 'LIVE', rows, deletes }, want: text(model.values()), look: last || roll(3) > 0 };
  }
}

/** Plays a script to a gateway's operation, compares `held` wherever the script looks, and returns all states there were. */
export async function play(op, seed, held, steps = 60) {
  const states = new Set([text([])]);
  for (const { frame, want, look } of script(seed, steps)) {
    op.frame(frame);
    states.add(want);
    if (look) await until(`${want}, seed ${seed}`, () => text(held()) === want);
  }
  return states;
}

/** Fails a test in which React, or a grid, complains. */
export function quiet(t) {
  for (const level of ['error', 'warn']) {
    const said = t.mock.method(console, level, () => {});
    t.after(() => assert.deepEqual(said.mock.calls.map((call) => call.arguments), []));
  }
}
