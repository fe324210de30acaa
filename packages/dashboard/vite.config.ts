import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  // Addresses within the page are relative: it is served under a token, and from a file.
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    // One program and one style sheet, under fixed names: the server knows them, and a run as one file holds them.
    rollupOptions: {
      output: { entryFileNames: 'page.js', assetFileNames: 'page[extname]', codeSplitting: false },
    },
    modulePreload: false,
    target: 'es2022',
    reportCompressedSize: false,
  },
});
