import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

// The fonts that GraphiQL's style sheet carries as data: URLs weigh more than
// all its code compressed (360 KB that no compression shrinks); style.css names
// the system's own instead, and the page's policy needs no fonts at all.
function withoutFonts() {
  return {
    name: 'without-fonts',
    enforce: 'pre',
    load(id) {
      if (!/\/graphiql\/dist\/style\.css$/.test(id)) return null;
      const css = readFileSync(id, 'utf8').replace(/@font-face\s*\{[^}]*\}\s*/g, '');
      if (/data:font/.test(css)) this.error('a font is left in GraphiQL\'s style sheet');
      return css;
    },
  };
}

// GraphiQL loads each of its editors' two dozen add-ons by an import() of its
// own, all of them at once and always. Static ones make no file for each.
function withoutLazyEditors() {
  return {
    name: 'without-lazy-editors',
    transform(code, id) {
      if (!/\/@graphiql\/react\/dist\//.test(id)) return null;
      const imports = [];
      const body = code.replace(/\bimport\(("codemirror[^"]*")\)/g, (_, name) => {
        imports.push(`import * as lazy${imports.length} from ${name};`);
        return `Promise.resolve(lazy${imports.length - 1})`;
      });
      return imports.length === 0 ? null : { code: `${imports.join('\n')}\n${body}`, map: null };
    },
  };
}

// One chunk per library, so that an edit of a page changes the page's own chunk
// alone and the repository does not store GraphiQL again.
const groups = [
  ['perspective', /node_modules\/@perspective-dev\//],
  ['graphql-ws', /node_modules\/graphql-ws\//],
  ['react', /node_modules\/(react|react-dom|scheduler)\//],
  ['graphql', /node_modules\/(graphql|graphql-language-service)\//],
  ['codemirror', /node_modules\/(codemirror|codemirror-graphql)\//],
  ['graphiql', /node_modules\//],
].map(([name, test], i) => ({ name: `vendor-${name}`, test, priority: 10 - i }));

// The npm packages, which change seldom too.
groups.push({ name: 'tycostream', test: /\/clients\/(client|perspective)\/src\//, priority: 1 });

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: import.meta.dirname,
  base: './', // relative to the page: the gateway may stand behind a path of a proxy
  clearScreen: false,
  plugins: [withoutFonts(), withoutLazyEditors()],
  resolve: {
    alias: {
      'react-style-singleton': here('src/playground/stylesheets.js'),
      // The packages' sources, so that they need no build and no install of their own.
      '@tycostream/client': here('../clients/client/src/index.ts'),
      '@tycostream/perspective': here('../clients/perspective/src/index.ts'),
    },
    dedupe: ['graphql-ws', '@perspective-dev/client'], // found from here, not from there
  },
  // npx vite, beside a gateway: GATEWAY=http://localhost:4000
  server: { proxy: { '/graphql': { target: process.env.GATEWAY, ws: true } } },
  build: {
    outDir: process.env.WEB_OUT || 'dist',
    emptyOutDir: true,
    assetsDir: 'assets',
    assetsInlineLimit: 0, // no data: URL of our making
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'], // light-dark() as it is
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1000,
    license: { fileName: 'licenses.md' },
    rolldownOptions: {
      input: { live: 'index.html', playground: 'playground.html' },
      output: { codeSplitting: { groups } },
      onLog(level, log, handler) {
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') handler(level, log); // "use client" means nothing here
      },
    },
  },
});
