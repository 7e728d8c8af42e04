import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = new URL('../..', import.meta.url).pathname;

// buildGateway returns the program's path: TYCOSTREAM_BIN, or one built now
// from this tree.
export function buildGateway(t) {
  if (process.env.TYCOSTREAM_BIN) return process.env.TYCOSTREAM_BIN;
  const dir = mkdtempSync(join(tmpdir(), 'tycostream-browser-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const binary = join(dir, 'tycostream');
  execFileSync('go', ['build', '-o', binary, './cmd/tycostream'], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  return binary;
}

// demo starts the program's demo, on a free port unless env names one, and
// returns its origin once its sources are live.
export async function demo(t, binary, flags = [], env = {}) {
  const gateway = await start(t, binary, ['demo', ...flags], env);
  await until('the demo is ready', async () => (await fetch(`${gateway.origin}/readyz`)).ok);
  return gateway;
}

// serve starts the program over a schema.yaml's text.
export async function serve(t, binary, schema, env = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'tycostream-serve-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, 'schema.yaml'), schema);
  return start(t, binary, ['serve'], { SCHEMA_PATH: join(dir, 'schema.yaml'), DATA_DIR: join(dir, 'data'), LISTEN_HOST: '127.0.0.1', ...env });
}

// start runs the program, and returns its origin once it listens.
async function start(t, binary, args, env) {
  const child = spawn(binary, args, {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, GRAPHQL_PORT: '0', TYCOSTREAM_LOG_FORMAT: 'json', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const ended = new Promise((resolve) => child.on('exit', resolve));
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  t.after(kill);
  const origin = await new Promise((resolve, reject) => {
    const listen = (chunk) => {
      output += chunk;
      const found = /"listening","address":"([^"]+)"/.exec(output);
      if (found) resolve(`http://${found[1]}`);
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    ended.then((code) => reject(new Error(`${args[0]} ended with code ${code}:\n${output}`)));
  });
  return { origin, kill };
}

// until repeats check until it returns something, and returns that.
export async function until(what, check, seconds = 60) {
  const deadline = Date.now() + seconds * 1000;
  let last;
  while (Date.now() < deadline) {
    try {
      last = await check();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`${what}: not within ${seconds} s; last: ${last}`);
}
