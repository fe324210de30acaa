/**
 * The text of PDF files. A few hundred bytes can unpack to gigabytes, and no part of the library can be stopped from
 * within, so it runs in a separate thread that is ended when it takes too much.
 */
import { Worker } from 'node:worker_threads';
import {
  bytesText,
  MAX_PDF_BYTES,
  MAX_PDF_MEMORY,
  MAX_PDF_OPENING_SECONDS,
  MAX_PDF_PAGE_SECONDS,
  MAX_PDF_PAGES,
} from '../../base/limits.js';
import { ReaderError } from '../errors.js';
import type { PlacedText } from '../places.js';
import type { PdfMessage } from './pdf-messages.js';

/** Milliseconds between two looks at the memory. */
const WATCH = 50;

/**
 * The text of each page in order. A page without text says so, because it may be a scanned picture; a PDF in which no
 * page has text gives none.
 * @throws ReaderError `input` for a PDF that is damaged, locked, or beyond the limits.
 */
export async function* pdfPages(bytes: Uint8Array, name: string): AsyncGenerator<PlacedText> {
  const onPage = (page: number, text: string) => ({ text, places: [{ at: 0, label: `page ${page}` }] });
  if (bytes.length > MAX_PDF_BYTES) throw refused(name, `it has more than ${bytesText(MAX_PDF_BYTES)}`);
  let some = false;
  /** Pages without text that came before the first one with text. */
  let empty: PlacedText[] = [];
  for await (const { page, text } of pagesFrom(bytes, name)) {
    if (text.trim() === '') {
      const note = onPage(page, `[Page ${page} has no text. It may be a scanned picture.]\n\n`);
      if (some) yield note;
      else empty.push(note);
      continue;
    }
    some = true;
    yield* empty;
    empty = [];
    yield onPage(page, `${rejoined(text)}\n\n`);
  }
}

/** Words that were divided at the end of a line, in one piece. */
function rejoined(text: string): string {
  return text.replaceAll(/(?<=\p{L})(?:\u00ad|-)\n(?=\p{Ll})/gu, '');
}

async function* pagesFrom(bytes: Uint8Array, name: string): AsyncGenerator<{ page: number; text: string }> {
  const worker = startWorker(bytes);
  const messages: PdfMessage[] = [];
  let failure: Error | undefined;
  let wake = () => {};
  const fail = (error: Error) => {
    failure ??= error;
    wake();
  };
  let since = performance.now();
  let latest: PdfMessage | undefined;
  worker.on('message', (message: PdfMessage) => {
    since = performance.now();
    latest = message;
    messages.push(message);
    wake();
  });
  worker.on('error', (error: Error & { code?: string }) =>
    fail(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? tooMuchMemory(name) : damaged(name, error.message)),
  );
  const before = process.memoryUsage.rss();
  const watch = setInterval(() => {
    if (process.memoryUsage.rss() - before > MAX_PDF_MEMORY + 2 * bytes.length) fail(tooMuchMemory(name));
    const limit = limitAfter(latest, bytes.length);
    if (performance.now() - since > limit) fail(tooSlow(name, latest, limit));
  }, WATCH);
  try {
    for (;;) {
      const message = messages.shift();
      if (message === undefined) {
        if (failure) throw failure;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else if ('failure' in message) throw failureOf(message, name);
      else if ('end' in message) return;
      else if ('page' in message) yield message;
    }
  } finally {
    clearInterval(watch);
    await worker.terminate();
  }
}

/** Milliseconds in which the message after `latest` has to come, for a file of so many bytes. */
export function limitAfter(latest: PdfMessage | undefined, bytes: number): number {
  const opening = latest !== undefined && 'started' in latest;
  return 1000 * (opening ? MAX_PDF_OPENING_SECONDS + bytes / (10 * 2 ** 20) : MAX_PDF_PAGE_SECONDS);
}

function startWorker(bytes: Uint8Array): Worker {
  // Tests run the sources, threads run what was built from them.
  const built = import.meta.url.endsWith('.ts') ? '../../../dist/reader/files/pdf-worker.js' : './pdf-worker.js';
  return new Worker(new URL(built, import.meta.url), {
    workerData: bytes,
    resourceLimits: { maxOldGenerationSizeMb: MAX_PDF_MEMORY / 2 ** 20 },
    // The library's warnings are not for the user's terminal.
    stdout: true,
    stderr: true,
  });
}

function failureOf({ failure, reason }: Extract<PdfMessage, { failure: string }>, name: string): ReaderError {
  if (failure === 'password') return refused(name, 'it is locked with a password');
  if (failure === 'pages') return refused(name, `it has ${reason} pages; up to ${MAX_PDF_PAGES} are read`);
  return damaged(name, reason);
}

function damaged(name: string, reason: string): ReaderError {
  return refused(name, `${reason.replace(/\.$/, '')}. It may be damaged; export it again`);
}

function tooSlow(name: string, latest: PdfMessage | undefined, limit: number): ReaderError {
  const seconds = Math.round(limit / 1000);
  if (latest !== undefined && 'started' in latest)
    return damaged(name, `opening it takes more than ${seconds} seconds`);
  return refused(name, `one of its pages takes more than ${seconds} seconds`);
}

function tooMuchMemory(name: string): ReaderError {
  return refused(name, `it unpacks to more than ${bytesText(MAX_PDF_MEMORY)}`);
}

function refused(name: string, why: string): ReaderError {
  return new ReaderError('input', `Cannot read the PDF ${name}: ${why}.`);
}
