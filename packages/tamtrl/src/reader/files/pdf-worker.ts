/** Reads a PDF page by page in a thread that can be ended. */
import { parentPort, workerData } from 'node:worker_threads';
import { getDocumentProxy } from 'unpdf';
import { MAX_PDF_PAGES } from '../../base/limits.js';

/** The thread's messages, in this order: the number of pages, each page's text, the end; or a failure. */
export type PdfMessage =
  | { pages: number }
  | { page: number; text: string }
  | { end: true }
  | { failure: 'password' | 'pages' | 'damaged'; reason: string };

const port = parentPort!;
const tell = (message: PdfMessage) => port.postMessage(message);

async function read(bytes: Uint8Array): Promise<void> {
  const document = await getDocumentProxy(bytes);
  if (document.numPages > MAX_PDF_PAGES) {
    tell({ failure: 'pages', reason: String(document.numPages) });
    return;
  }
  tell({ pages: document.numPages });
  for (let number = 1; number <= document.numPages; number++) {
    const page = await document.getPage(number);
    const { items } = await page.getTextContent();
    let text = '';
    for (const item of items) if ('str' in item) text += item.str + (item.hasEOL ? '\n' : '');
    tell({ page: number, text });
    page.cleanup();
  }
  tell({ end: true });
}

try {
  await read(workerData as Uint8Array);
} catch (error) {
  const { name, message } = error as Error;
  tell({ failure: name === 'PasswordException' ? 'password' : 'damaged', reason: message });
}
