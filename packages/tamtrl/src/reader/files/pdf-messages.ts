/** What is read of a PDF, as messages that can be sent from one thread to another. */
import { getDocumentProxy, getResolvedPDFJS } from 'unpdf';
import { MAX_PDF_PAGES } from '../../base/limits.js';

/** In this order: the start, the number of pages, each page's text, the end. Or a failure. */
export type PdfMessage =
  | { started: true }
  | { pages: number }
  | { page: number; text: string }
  | { end: true }
  | { failure: 'password' | 'pages' | 'damaged'; reason: string };

/** Reads to the end or to a failure. Nothing bounds the time and memory that it takes but the thread it runs in. */
export async function readPdf(bytes: Uint8Array, tell: (message: PdfMessage) => void): Promise<void> {
  let document: Awaited<ReturnType<typeof getDocumentProxy>> | undefined;
  try {
    // Loads the library, if this is the first file: getting ready is not the file's fault.
    await getResolvedPDFJS();
    tell({ started: true });
    document = await getDocumentProxy(bytes);
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
  } catch (error) {
    const { name, message } = error as Error;
    tell({ failure: name === 'PasswordException' ? 'password' : 'damaged', reason: message });
  } finally {
    await document?.loadingTask.destroy();
  }
}
