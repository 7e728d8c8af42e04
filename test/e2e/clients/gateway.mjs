// A gateway in a process of its own, for the tests beside this file.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const root = new URL('../../..', import.meta.url).pathname;
const dir = mkdtempSync(join(tmpdir(), 'tycostream-clients-'));
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(1)); // with its exit handlers
const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

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
  running.add(child);
  const exited = new Promise((resolve) => {
    child.on('exit', (code) => {
      running.delete(child);
      resolve(code);
    });
  });
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

/** Starts the demo's database for gateways to follow. */
export async function upstream() {
  const database = await start(['demo', '--rows', '60', '--rate', '400', '--materialize-listen', '127.0.0.1:0'], { env: { TRIGGERS: 'off' } });
  const port = await until('the database listens', () => database.output().match(/psql -h 127\.0\.0\.1 -p (\d+) /)?.[1]);
  return { ...database, port };
}

/** Starts a gateway over a database; resolves once it is ready. */
export async function serve(database, style, options) {
  const gateway = await start(['serve'], {
    ...options,
    schema: style.schema,
    env: {
      DATABASE_HOST: '127.0.0.1', DATABASE_PORT: database.port, DATABASE_USER: 'materialize', DATABASE_NAME: 'materialize',
      TYCOSTREAM_PING_INTERVAL: '300ms', TYCOSTREAM_HEARTBEAT: '300ms', WEBHOOK_ALLOW: '127.0.0.1',
    },
  });
  await until('a ready gateway', async () => (await fetch(new URL('/readyz', gateway.http))).ok);
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
export async function until(what, check, limit = 60_000) {
  for (const end = Date.now() + limit; ; await wait(20)) {
    const got = await check();
    if (got) return got;
    if (Date.now() > end) throw new Error(`${what}: not within ${limit} ms`);
  }
}

/** Waits until the gateway has so many subscribers. */
export function subscribers(gateway, count) {
  return until(`${count} subscribers`, async () => {
    const answer = await query(gateway, '{ sources { subscribers } }');
    return answer.data.sources.reduce((sum, source) => sum + source.subscribers, 0) === count;
  });
}
