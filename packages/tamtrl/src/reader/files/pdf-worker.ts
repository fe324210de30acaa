/** Reads a PDF page by page in a thread that can be ended. */
import { parentPort, workerData } from 'node:worker_threads';
import { type PdfMessage, readPdf } from './pdf-messages.js';

const port = parentPort!;
await readPdf(workerData as Uint8Array, (message: PdfMessage) => port.postMessage(message));
