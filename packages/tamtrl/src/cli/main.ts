#!/usr/bin/env node
import { format } from 'node:util';
/** The executable. */
import { describe } from '../base/described.js';
import { exitCodeWithin } from '../reward/calls.js';
import { runProgram } from './program.js';
import { EXIT } from './terminal/errors.js';
import { processIo } from './terminal/io.js';
import { endWithParent } from './terminal/parent.js';

// A reader that closes early, as in "tamtrl ... | head", is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

// The hub's library writes to stdout with these, which belongs to results, --json and the Model Context Protocol.
Object.assign(console, { debug: () => {}, info: () => {} });

// Output of other libraries may contain parts of a document, which must not control the terminal.
for (const name of ['log', 'warn', 'error'] as const) {
  console[name] = (...parts: unknown[]) => processIo.err(`${format(...parts)}\n`);
}
process.on('uncaughtException', (error) => {
  processIo.err(`tamtrl: ${describe(error)}\n`);
  process.exit(EXIT.failure);
});
let done = false;
process.on('exit', (code) => {
  process.exitCode = exitCodeWithin(code, done, (sentence) => processIo.err(`tamtrl: ${sentence}\n`));
});
endWithParent();
process.exitCode = await runProgram(process.argv.slice(2), processIo);
done = true;
