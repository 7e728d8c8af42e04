// Runs the tests beside this file, or those named, with one build of the gateway.

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { binary } from './gateway.mjs';

const named = process.argv.slice(2);
const files = named.length ? named : readdirSync('.').filter((name) => name.endsWith('.test.mjs'));
const flags = ['--test', '--test-force-exit', '--test-timeout=600000', '--test-concurrency=2'];
const env = { ...process.env, TYCOSTREAM_BIN: binary };
const { status } = spawnSync(process.execPath, [...flags, ...files], { env, stdio: 'inherit' });
process.exit(status ?? 1);
