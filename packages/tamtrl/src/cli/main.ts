#!/usr/bin/env node
import { runProgram } from './program.js';
/** The executable. */
import { processIo } from './terminal/io.js';

// A reader that has gone, as in "tamtrl ... | head", is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

// Libraries that tell of their doings (the hub's, of downloads) would tell it on stdout, where --json and the Model Context Protocol are.
console.debug = () => {};

process.exitCode = await runProgram(process.argv.slice(2), processIo);
