/** The text of files that people have, with the places in them. */
import type { FileHandle } from 'node:fs/promises';
import { MAX_MARKDOWN_BYTES, MAX_NOTEBOOK_BYTES, MAX_PDF_BYTES } from '../../base/limits.js';
import { Decoding, type DecodingOptions, declaredEncoding, decodedText } from '../decoding.js';
import { ReaderError } from '../errors.js';
import { type PlacedText, withLines } from '../places.js';
import type { UnpackBudget } from './archive.js';
import { type Content, contentOfBytes, contentOfHandle, openFile, wholeOf } from './content.js';
import { type FileKind, kindOfContent } from './kinds.js';

export interface LoadOptions extends DecodingOptions {
  /** What a server says that the content is: "text/html". Its own first bytes say more. */
  type?: string;
}

/** For what lies within an archive. */
interface EntryOptions extends LoadOptions {
  within?: UnpackBudget;
}

/**
 * The readable text of a file, in pieces.
 * @param opened the file, if it is open already: `path` is then only its name, and the caller closes it
 * @throws ReaderError `input` for a file that cannot be read, `empty` for one without text.
 */
export async function* loadText(
  path: string,
  options: LoadOptions = {},
  opened?: FileHandle,
): AsyncGenerator<PlacedText> {
  const handle = opened ?? (await openFile(path));
  try {
    yield* loadContent(await contentOfHandle(handle, path), options);
  } finally {
    if (handle !== opened) await handle.close();
  }
}

/** Blank characters that wait for text, so that content without any gives nothing. */
const MOST_BLANK = 2 ** 20;

/**
 * The readable text of any content, in pieces: plain text and HTML as they are read, PDFs page by page, Markdown at
 * once.
 * @throws ReaderError `input` for content that cannot be read, `empty` for content without text.
 */
export async function* loadContent(content: Content, options: EntryOptions = {}): AsyncGenerator<PlacedText> {
  const kind = kindOfContent(content.head, content.name, options.type);
  let some = false;
  let blank = 0;
  const held: PlacedText[] = [];
  for await (const piece of piecesOf(kind, content, options)) {
    some ||= piece.text.trim() !== '';
    if (piece.text !== '' || piece.places.length > 0) held.push(piece);
    blank += piece.text.length;
    if (some || blank > MOST_BLANK) yield* held.splice(0);
  }
  if (some) return;
  throw new ReaderError(
    'empty',
    `${content.name} contains no text${kind === 'pdf' ? ' (scanned pages are images; run text recognition first)' : ''}.`,
  );
}

/** The libraries are large and seldom all needed, so each is loaded on first use. */
async function* piecesOf(kind: FileKind, content: Content, options: EntryOptions): AsyncGenerator<PlacedText> {
  const { name, head } = content;
  const { onNote, within } = options;
  const decoding = { ...options, encoding: options.encoding ?? declaredIn(kind, head) };
  if (kind === 'text') yield* withLines(decodedStream(content, decoding));
  else if (kind === 'html') {
    const { HtmlText } = await import('./html.js');
    const text = new HtmlText(name);
    for await (const piece of decodedStream(content, decoding)) yield text.write(piece);
    yield text.end();
  } else if (kind === 'markdown') {
    const advice = 'Rename it to .txt to read it as plain text';
    const bytes = await wholeOf(content, 'Markdown', MAX_MARKDOWN_BYTES, advice);
    const { markdownText } = await import('./markdown.js');
    yield markdownText(decodedText(bytes, name, decoding), name);
  } else if (kind === 'csv') {
    const { csvText } = await import('./csv.js');
    yield* csvText(decodedStream(content, decoding), name);
  } else if (kind === 'pdf') {
    const { pdfPages } = await import('./pdf.js');
    yield* pdfPages(await wholeOf(content, 'PDF', MAX_PDF_BYTES), name);
  } else if (kind === 'zip') {
    const { zipText } = await import('./zip.js');
    yield* zipText(content, onNote, within, (entry, budget) => loadContent(entry, { ...options, within: budget }));
  } else if (kind === 'message' || kind === 'mailbox') {
    const { messageText, mailboxText } = await import('./mail.js');
    yield* kind === 'message' ? messageText(content, onNote) : mailboxText(content, onNote);
  } else {
    const text = decodedText(await wholeOf(content, kind, MAX_NOTEBOOK_BYTES), name, decoding);
    if (kind === 'notebook') yield* (await import('./notebook.js')).notebookText(text, name, onNote);
    else yield (await import('./subtitles.js')).subtitleText(text);
  }
}

/** Plain text declares no encoding, but XML that is read as it is does. */
function declaredIn(kind: FileKind, head: Uint8Array): string | undefined {
  const isXml = Buffer.from(head.subarray(0, 5)).toString('latin1') === '<?xml';
  return kind === 'html' || (kind === 'text' && isXml) ? declaredEncoding(head) : undefined;
}

async function* decodedStream(content: Content, options: DecodingOptions): AsyncGenerator<string> {
  const decoding = new Decoding(content.name, options);
  for await (const bytes of content.stream()) yield decoding.write(bytes);
  yield decoding.end();
}

/** The text of bytes of a known kind, without its places. */
export async function convert(kind: FileKind, bytes: Uint8Array, name: string): Promise<string> {
  let all = '';
  for await (const { text } of piecesOf(kind, contentOfBytes(bytes, name), {})) all += text;
  return all;
}
