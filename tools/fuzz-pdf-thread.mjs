// Reads one PDF after another in one thread, since starting a thread takes longer than reading: see fuzz-pdf.mjs.
import { parentPort } from 'node:worker_threads';
import { readPdf } from '../packages/tamtrl/dist/reader/files/pdf-messages.js';

// What the library throws when nobody waits any more would end the reader's thread, and the PDF would be refused.
process.on('unhandledRejection', () => {});
parentPort.on('message', async (input) => {
  await readPdf(input, (message) => parentPort.postMessage(message));
});
