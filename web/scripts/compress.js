// compress.js writes a .br and a .gz beside every text file of the build, at
// the highest level: it is done once, here, and never while serving.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const out = process.env.WEB_OUT || new URL('../dist', import.meta.url).pathname;
const texts = new Set(['.css', '.html', '.js', '.svg']);

const total = { raw: 0, gz: 0, br: 0 };
for (const entry of readdirSync(out, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  if (!entry.isFile() || !texts.has(extname(path))) continue;
  const raw = readFileSync(path);
  const gz = gzipSync(raw, { level: 9 });
  const br = brotliCompressSync(raw, {
    params: {
      [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: raw.length,
    },
  });
  writeFileSync(`${path}.gz`, gz);
  writeFileSync(`${path}.br`, br);
  total.raw += raw.length;
  total.gz += gz.length;
  total.br += br.length;
  console.log(row(path.slice(out.length + 1), raw.length, gz.length, br.length));
}
console.log(row('total', total.raw, total.gz, total.br));

function row(name, ...sizes) {
  return name.padEnd(56) + sizes.map((n) => `${(n / 1024).toFixed(1)} K`.padStart(11)).join('');
}
