#!/usr/bin/env node
import { runProgram } from './program.js';
/** The executable. */
import { processIo } from './terminal/io.js';

// A reader that has gone, as in "tamtrl ... | head", is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

// The hub's library reports downloads with console.debug, and copies where links are impossible with console.info. Both write
// to stdout, which belongs to the results, to --json and to the Model Context Protocol.
console.debug = () => {};
console.info = () => {};

process.exitCode = await runProgram(process.argv.slice(2), processIo);
