#!/usr/bin/env node
/** The program `tamtrl`. Not part of the build, so that npm can link the name in a clone before anything is built. */
import { existsSync } from 'node:fs';

const main = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  console.error('tamtrl: the program is not built yet. Run "npm run build" in the clone first.');
  process.exitCode = 1;
}
