/** The text of files that people have: plain text, Markdown, HTML, PDF. */
import { createReadStream } from 'node:fs';
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { bytesText, MAX_MARKDOWN_BYTES, MAX_PDF_BYTES } from '../../base/limits.js';
import { ReaderError } from '../errors.js';
import { textOf } from '../input.js';

export type FileKind = 'text' | 'markdown' | 'html' | 'pdf';

const BY_NAME: Readonly<Record<string, FileKind>> = {
  '.md': 'markdown',
  '.markdown': 'markdown',
  '.mdx': 'markdown',
  '.html': 'html',
  '.htm': 'html',
  '.xhtml': 'html',
  '.pdf': 'pdf',
};

/** Number of bytes that are checked to recognise a file's kind. */
const HEAD = 4096;

/**
 * The kind of a file, recognised from its first bytes and its name.
 * @param opened the file, if it is open already
 * @throws ReaderError `input` if it cannot be read, is a folder, or is binary but not a PDF.
 */
export async function kindOf(path: string, opened?: FileHandle): Promise<FileKind> {
  const head = await headOf(path, opened);
  if (head.subarray(0, 5).toString('latin1') === '%PDF-') return 'pdf';
  const kind = kindOfContent(head, path);
  if (kind === 'pdf')
    throw new ReaderError(
      'input',
      `${path} is named like a PDF but does not begin like one. It may be damaged; export it again.`,
    );
  return kind;
}

/** The kind of content without a file. @throws ReaderError `input` for binary content. */
export function kindOfContent(head: Uint8Array, name: string): FileKind {
  if (head.includes(0)) {
    const what = BY_SIGNATURE.find(({ bytes }) => bytes.every((byte, at) => head[at] === byte))?.what;
    throw new ReaderError(
      'input',
      `${name} is binary${what ? ` (${what})` : ''}, not text. Text, Markdown, HTML and PDF can be read.`,
    );
  }
  return BY_NAME[extname(name).toLowerCase()] ?? 'text';
}

const BY_SIGNATURE = [
  { bytes: [0x50, 0x4b, 0x03, 0x04], what: 'a zip archive, or an office document' },
  { bytes: [0x89, 0x50, 0x4e, 0x47], what: 'a PNG image' },
  { bytes: [0xff, 0xd8, 0xff], what: 'a JPEG image' },
  { bytes: [0x1f, 0x8b], what: 'a gzip file' },
  { bytes: [0x7f, 0x45, 0x4c, 0x46], what: 'a program' },
];

async function headOf(path: string, opened?: FileHandle): Promise<Buffer> {
  try {
    const found = await (opened ? opened.stat() : stat(path));
    if (found.isDirectory()) {
      throw new ReaderError('input', `${path} is a folder. Name its files, for example "${path}/*.md".`);
    }
    // Opening a pipe can block forever, and its beginning can be read only once.
    if (!found.isFile()) {
      throw new ReaderError(
        'input',
        `${path} is not a regular file, but a named pipe, a socket or a device. Pipe its contents to stdin instead: tamtrl ask - "Who did it?" < ${path}`,
      );
    }
    const handle = opened ?? (await open(path, 'r'));
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD), 0, HEAD, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      if (handle !== opened) await handle.close();
    }
  } catch (error) {
    if (ReaderError.isInstance(error)) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new ReaderError(
      'input',
      code === 'ENOENT' ? `There is no file ${path}.` : `Cannot read ${path}: ${message}.`,
      { cause: error },
    );
  }
}

/**
 * The readable text of a file, in pieces: plain text and HTML as they are read, PDFs page by page, Markdown at once.
 * @param opened the file, if it is open already: `path` is then only its name, and the caller closes it
 * @throws ReaderError `input`, `empty` for a file without text.
 */
export async function* loadText(path: string, opened?: FileHandle): AsyncGenerator<string> {
  const kind = await kindOf(path, opened);
  let some = false;
  for await (const piece of piecesOf(kind, path, opened)) {
    some ||= piece.trim() !== '';
    yield piece;
  }
  if (!some) {
    throw new ReaderError(
      'empty',
      `${path} contains no text${kind === 'pdf' ? ' (scanned pages are images; run text recognition first)' : ''}.`,
    );
  }
}

async function* piecesOf(kind: FileKind, path: string, opened: FileHandle | undefined): AsyncGenerator<string> {
  const bytesOf = () => opened?.createReadStream({ start: 0, autoClose: false }) ?? createReadStream(path);
  if (kind === 'text') yield* opened ? textOf(bytesOf(), path) : textOf({ file: path });
  else if (kind === 'html') {
    const { HtmlText } = await import('./html.js');
    const text = new HtmlText(path);
    const decoder = new TextDecoder();
    for await (const bytes of bytesOf()) yield text.write(decoder.decode(bytes, { stream: true }));
    yield text.write(decoder.decode()) + text.end();
  } else {
    await checkSize(path, kind, opened);
    const bytes = await readFile(opened ?? path);
    if (kind === 'pdf') yield* pdf(bytes, path);
    else yield await convert(kind, bytes, path);
  }
}

/** @throws ReaderError `input` for a file that is too large to be held in memory. */
async function checkSize(path: string, kind: 'markdown' | 'pdf', opened: FileHandle | undefined): Promise<void> {
  const { size } = await (opened ? opened.stat() : stat(path));
  const [most, advice] =
    kind === 'pdf'
      ? [MAX_PDF_BYTES, 'Split it, or export its text']
      : [MAX_MARKDOWN_BYTES, 'Rename it to .txt to read it as plain text'];
  if (size <= most) return;
  throw new ReaderError(
    'input',
    `${path} has ${bytesText(size)}; ${kind === 'pdf' ? 'PDF' : 'Markdown'} files of up to ${bytesText(most)} are read. ${advice}.`,
  );
}

/** The libraries are large and seldom all needed, so each is loaded on first use. */
export async function convert(kind: FileKind, bytes: Uint8Array, name: string): Promise<string> {
  if (kind === 'pdf') {
    let text = '';
    for await (const page of pdf(bytes, name)) text += page;
    return text;
  }
  const text = new TextDecoder('utf-8', { fatal: false }).decode(bytes);
  if (kind === 'markdown') return (await import('./markdown.js')).markdownText(text, name);
  if (kind === 'html') return (await import('./html.js')).htmlText(text, name);
  return text;
}

async function* pdf(bytes: Uint8Array, name: string): AsyncGenerator<string> {
  const { pdfPages } = await import('./pdf.js');
  yield* pdfPages(bytes, name);
}
