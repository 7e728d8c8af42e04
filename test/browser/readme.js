// A package's README, followed word for word in an empty folder: its first shell
// block makes a project, blocks with a file's name behind their language are
// that file, `npm run dev` shows the page. Two things are not as written: our own
// packages come from this tree and not from the registry, and the gateway's
// port is a free one.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { until } from './gateway.js';

const clients = new URL('../../clients/', import.meta.url).pathname;
const createVite = new URL('node_modules/create-vite/index.js', import.meta.url).pathname;

/** Packs our packages; returns tarballs by name. */
export function pack(into, names) {
  const list = JSON.parse(execFileSync('npm', ['pack', '--json', '--pack-destination', into, ...names.flatMap((n) => ['-w', n])], { cwd: clients }));
  return new Map(Object.values(list).map((p) => [p.name, { file: join(into, p.filename), files: p.files.map((f) => f.path) }]));
}

/** Returns the fenced blocks of a README: language, file's name or '', text. */
export function blocks(name) {
  const text = readFileSync(join(clients, name, 'README.md'), 'utf8');
  return [...text.matchAll(/^```(\w*) ?(.*)\n([\s\S]*?)^```$/gm)].map(([, language, file, body]) => ({ language, file, body }));
}

/** Does what the README says below dir; returns the project's folder. */
export function follow(name, dir, tarballs, gateway) {
  const all = blocks(name);
  const [setup] = all.filter((b) => b.language === 'sh');
  let cwd = dir;
  for (const line of setup.body.trim().split('\n')) {
    const [program, ...words] = line.split('#')[0].trim().split(/\s+/);
    const run = (file, args) => execFileSync(file, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, CI: 'true' } });
    if (program === 'cd') {
      cwd = join(cwd, words[0]);
    } else if (words[0] === 'create') {
      run('node', [createVite, ...words.slice(2).filter((w) => w !== '--'), '--no-interactive']);
    } else {
      const given = words.map((w) => tarballs.get(w)?.file ?? w);
      run(program, words[0] === 'install' ? [...given, '--no-audit', '--no-fund'] : given);
    }
  }
  for (const { file, body } of all) {
    if (!file) continue;
    mkdirSync(dirname(join(cwd, file)), { recursive: true });
    writeFileSync(join(cwd, file), body.replaceAll('http://localhost:4000', gateway));
  }
  return cwd;
}

/** Starts the project's `npm run dev`; returns the page's address. */
export async function dev(t, cwd) {
  const child = spawn('npm', ['run', 'dev', '--', '--host', '127.0.0.1', '--port', '0', '--strictPort'], {
    cwd, detached: true, env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
  });
  t.after(() => {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // it has ended by itself
    }
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { output += text; });
  return until('Vite serves', () => {
    if (child.exitCode !== null) throw new Error(output);
    return /(http:\/\/127\.0\.0\.1:\d+)/.exec(output)?.[1];
  });
}
