// A gateway in a process of its own, for the tests beside this file.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const root = new URL('../../..', import.meta.url).pathname;
const dir = mkdtempSync(join(tmpdir(), 'tycostream-clients-'));
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(1)); // with its exit handlers
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));

/** The binary: TYCOSTREAM_BIN, or built here. */
export const binary = process.env.TYCOSTREAM_BIN ?? build();

function build() {
  const out = join(dir, 'tycostream');
  const run = spawnSync('go', ['build', '-o', out, './cmd/tycostream'], { cwd: root, stdio: 'inherit' });
  if (run.status !== 0) throw new Error('the gateway does not build');
  return out;
}

/** Starts a command that serves; resolves once it listens. */
export async function start(args, { port = '0', env = {}, schema } = {}) {
  const cwd = mkdtempSync(join(dir, 'run-'));
  if (schema) writeFileSync(join(cwd, 'schema.yaml'), schema);
  const child = spawn(binary, args, {
    cwd,
    env: { LISTEN_HOST: '127.0.0.1', GRAPHQL_PORT: port, TYCOSTREAM_SHUTDOWN_GRACE: '200ms', ...env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { output += text; });
  const exited = new Promise((resolve) => { child.on('exit', (code) => resolve(code)); });
  process.on('exit', () => child.kill('SIGKILL'));
  const address = await until('the gateway listens', () => {
    if (child.exitCode !== null) throw new Error(output);
    return output.match(/"listening","address":"([^"]+)"/)?.[1];
  });
  return {
    port: address.split(':').pop(),
    http: `http://${address}/graphql`,
    ws: `ws://${address}/graphql`,
    output: () => output,
    /** Ends it; resolves to the exit code. */
    stop(signal = 'SIGTERM') {
      child.kill(signal);
      return exited;
    },
  };
}

/** Starts the demo and waits until its rows are there. */
export async function demo({ rate = 100, ...options } = {}) {
  const gateway = await start(['demo', '--rows', '60', '--rate', `${rate}`], options);
  await until('rows', async () => (await query(gateway, '{ livePnL { _key } }')).data?.livePnL?.length === 60);
  return gateway;
}

/** Posts a document. */
export async function query(gateway, document, variables) {
  const answer = await fetch(gateway.http, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: document, variables }),
  });
  return answer.json();
}

/** Polls until check returns something true, and returns that. */
export async function until(what, check, limit = 20_000) {
  for (const end = Date.now() + limit; ; await wait(20)) {
    const got = await check();
    if (got) return got;
    if (Date.now() > end) throw new Error(`${what}: not within ${limit} ms`);
  }
}

/** The subscription that every client runs. */
export const document = /* GraphQL */ `
  subscription Longs($where: LivePnLExpression) {
    livePnL(where: $where) {
      operation
      fields
      timestamp
      data { _key instrumentId symbol netPosition latestPrice }
    }
  }
`;

export const variables = { where: { netPosition: { _gt: '0' }, symbol: { _is_null: false } } };

/** Rows that a client holds, by key. */
export class Rows {
  held = new Map();
  counts = { INSERT: 0, UPDATE: 0, DELETE: 0 };
  errors = [];

  /** Takes one execution result. */
  take(result) {
    if (result.errors?.length) this.errors.push(...result.errors);
    const event = result.data?.livePnL;
    if (!event) return;
    this.counts[event.operation]++;
    if (event.operation === 'DELETE') this.held.delete(event.data._key);
    else this.held.set(event.data._key, event.data);
  }

  clear() {
    this.held.clear();
    this.counts = { INSERT: 0, UPDATE: 0, DELETE: 0 };
  }

  /** Waits for the snapshot, then for live events, then until a query says the same. */
  async check(gateway) {
    await until('a snapshot', () => this.healthy() && this.held.size > 0);
    const before = this.counts.UPDATE;
    await until('live events', () => this.counts.UPDATE > before + 20);
    await this.same(gateway);
  }

  async same(gateway) {
    const text = (keys) => [...keys].sort().join();
    await until('the same rows as a query', async () => {
      const answer = await query(gateway, 'query ($where: LivePnLExpression) { livePnL(where: $where) { _key } }', variables);
      return text(answer.data.livePnL.map((row) => row._key)) === text(this.held.keys());
    });
    this.healthy();
  }

  /** Throws what went wrong. */
  healthy() {
    if (this.errors.length) throw new Error('a subscription failed', { cause: this.errors });
    return true;
  }
}

/** Waits until the gateway has so many subscribers. */
export function subscribers(gateway, count) {
  return until(`${count} subscribers`, async () => {
    const answer = await query(gateway, '{ sources { subscribers } }');
    return answer.data.sources[0].subscribers === count;
  });
}
