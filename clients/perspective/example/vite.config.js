import { defineConfig } from 'vite';

export default defineConfig({
  server: { proxy: { '/graphql': { target: process.env.GATEWAY ?? 'http://localhost:4000', ws: true } } },
  build: { target: 'es2022', assetsInlineLimit: 0 },
});
