// compare.js <committed> <built>: exits 1 unless both folders hold the same.
// Plain files must be equal byte for byte. Compressed ones must hold their plain
// file: their own bytes may differ with the zlib and brotli of another Node.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';

const [committed, built] = process.argv.slice(2);
const unpack = { '.br': brotliDecompressSync, '.gz': gunzipSync };

const list = (dir) => readdirSync(dir, { recursive: true, withFileTypes: true })
  .filter((e) => e.isFile())
  .map((e) => relative(dir, join(e.parentPath, e.name)));

const mistakes = [];
const inCommitted = new Set(list(committed));
const inBuilt = new Set(list(built));
for (const name of inBuilt) if (!inCommitted.has(name)) mistakes.push(`${name}: not committed`);
for (const name of inCommitted) {
  if (!inBuilt.has(name)) {
    mistakes.push(`${name}: committed, but the sources do not give it`);
    continue;
  }
  const have = readFileSync(join(committed, name));
  const suffix = name.slice(-3);
  if (!unpack[suffix]) {
    if (!have.equals(readFileSync(join(built, name)))) mistakes.push(`${name}: differs from what the sources give`);
    continue;
  }
  const plain = join(committed, name.slice(0, -3));
  try {
    if (!existsSync(plain) || !unpack[suffix](have).equals(readFileSync(plain))) mistakes.push(`${name}: is not its plain file, compressed`);
  } catch (error) {
    mistakes.push(`${name}: ${error.message}`);
  }
}

if (mistakes.length > 0) {
  console.error(`web/dist is not what web's sources give:\n  ${mistakes.sort().join('\n  ')}\nRun: cd web && npm ci && npm run build, and commit web/dist.`);
  process.exit(1);
}
console.log(`web/dist: ${inCommitted.size} files, all as the sources give them`);
