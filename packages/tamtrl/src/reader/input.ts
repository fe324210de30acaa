/** Turns text in any of the usual forms into a stream of strings, with its places where they are known. */

import { given } from '../base/objects.js';
import { isPromise, valueText } from '../base/values.js';
import { type Bytes, bytesIn, isBlob, isBytes, nameOfBlob } from './bytes.js';
import { Decoding, type DecodingOptions, HEAD, joined } from './decoding.js';
import { ReaderError } from './errors.js';
import { type PlacedText, placed, type TextPiece } from './places.js';

export type TextSource =
  | string
  /** Of any kind of file that is read, recognised by what they hold. Without Node, they must be text. */
  | Bytes
  /** A File's name tells the kind as well. */
  | Blob
  | Iterable<string | Uint8Array>
  /** For example what `loadDocument` gives. */
  | AsyncIterable<TextPiece | Uint8Array>
  | ReadableStream<string | Uint8Array>
  /** An http(s) address, or that of a file; needs Node. */
  | URL
  /** A file of any kind that is read, a folder of them, or an address; needs a runtime with node:fs. */
  | { file: string | URL };

export interface SourceOptions extends DecodingOptions {
  /** Ends the fetching of a page. */
  signal?: AbortSignal | undefined;
}

type Pieces = AsyncIterable<TextPiece | Uint8Array> | Iterable<TextPiece | Uint8Array>;

/** Yields the source as strings. See `placedTextOf`. */
export async function* textOf(source: TextSource, name?: string, options?: SourceOptions): AsyncGenerator<string> {
  for await (const { text } of placedTextOf(source, name, options)) yield text;
}

/**
 * Yields the source as strings with the places that it knows. Bytes are read by what they hold, files by their kind.
 * @param name of the source, for messages
 * @throws ReaderError `input` for what cannot be read, and for a string that is the name of a file or an address.
 */
export async function* placedTextOf(
  source: TextSource,
  name = 'The input',
  options: SourceOptions = {},
): AsyncGenerator<PlacedText> {
  await checkSource(source, name);
  if (typeof source === 'string') yield placed(source);
  else if (source instanceof URL) {
    const { loadDocument } = await import('./files/opened-file.js');
    yield* loadDocument(source, given(options));
  } else if (isBlob(source)) {
    const called = nameOfBlob(source) ?? name;
    const bytes = new Uint8Array(await source.arrayBuffer());
    const { hasParsers, loadDocument } = await import('./files/opened-file.js');
    if (hasParsers) yield* loadDocument(bytes, { ...given(options), name: called });
    else yield* decoded([bytes], called, options);
  } else if (isBytes(source)) yield* readStream([bytesIn(source)], name, options);
  else if ('file' in source) {
    const { textAt } = await import('./files/opened-file.js');
    for await (const piece of textAt(source.file, options)) yield placed(piece);
  } else if (isIterable(source)) yield* readStream(source, name, options);
  else yield* readStream(chunksOf(source as ReadableStream<string | Uint8Array>), name, options);
}

/**
 * Refuses what no reading can begin with, before a model is opened for it.
 * @throws ReaderError `input`
 */
export async function checkSource(source: unknown, name = 'The input'): Promise<void> {
  if (typeof source === 'string') {
    const named = await kindOfName(source);
    if (named === undefined) return;
    const { what, instead } = misread(source, named);
    throw new ReaderError(
      'input',
      `${name} is ${what}, but a string is read as text. Pass ${instead} to read it, or the string in a list to read just that.`,
    );
  }
  if (typeof source !== 'object' || source === null || isPromise(source)) throw notReadable(source, name);
  if (isBlob(source) || isBytes(source) || source instanceof URL) return;
  if ('file' in source) {
    const { file } = source;
    if (file instanceof URL || (typeof file === 'string' && file !== '')) return;
    throw new ReaderError(
      'input',
      `\`file\` is ${file === '' ? 'empty' : valueText(file)}, expected the path of a file or a folder, or a URL. Bytes and Blobs are documents themselves: pass them without \`file\`.`,
    );
  }
  if (!isIterable(source) && !('getReader' in source)) throw notReadable(source, name);
}

/** @throws ReaderError `input` for a question that is the name of a file: the wrong argument, most likely. */
export async function checkQuestion(question: string | readonly string[]): Promise<void> {
  const named = typeof question === 'string' ? await kindOfName(question) : undefined;
  if (named === undefined) return;
  const { what, instead } = misread(String(question), named);
  throw new ReaderError(
    'input',
    `The question is ${what}. Pass ${instead} as \`document\` to ask something about it, or the question in a list to ask just that.`,
  );
}

/** No message repeats an address, which may hold a key. */
function misread(text: string, named: string): { what: string; instead: string } {
  if (named === 'an address') return { what: named, instead: 'new URL(…)' };
  return { what: `${valueText(text)}, the name of ${named}`, instead: `{ file: ${valueText(text)} }` };
}

/** Characters of the longest name of a file that is looked for. */
const LONGEST_NAME = 1024;

/** "a file", "a folder" or "an address" if a text is nothing but the name of one that is there. */
async function kindOfName(text: string): Promise<string | undefined> {
  if (text === '' || text.length > LONGEST_NAME || /[\n\r\0]/.test(text)) return undefined;
  if (/^(?:https?|file):\/\/\S+$/i.test(text)) return 'an address';
  // Asking for a file on another machine would tell that machine who asks.
  if (/^[\\/]{2}/.test(text)) return undefined;
  const { kindOfPath } = await import('./files/opened-file.js');
  const kind = await kindOfPath(text);
  // Many a folder has the name of a word, which may well be a question.
  return kind === 'a folder' && !/[\\/]/.test(text) ? undefined : kind;
}

/** Whether the source can be read more than once, unlike a stream. */
export function isRepeatable(source: TextSource): boolean {
  if (typeof source === 'string' || source instanceof URL || isBytes(source)) return true;
  if (isBlob(source) || 'file' in source) return true;
  if ('getReader' in source) return false;
  const passage: unknown = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  // What goes through a stream or a generator is the thing itself.
  return passage !== source;
}

const isIterable = (source: object): source is Pieces => Symbol.asyncIterator in source || Symbol.iterator in source;

const FORMS = 'Pass a string, bytes, a Blob, a URL, a stream or list of strings, or { file: "notes.pdf" }.';

function notReadable(source: unknown, name: string): ReaderError {
  return new ReaderError('input', `${name} is ${valueText(source)}, not a text. ${FORMS}`);
}

/** Text as it comes, or the text of a document whose bytes begin like one. */
async function* readStream(source: Pieces, name: string, options: SourceOptions): AsyncGenerator<PlacedText> {
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  const held: (TextPiece | Uint8Array)[] = [];
  let head: Uint8Array = new Uint8Array();
  let ended = false;
  const whole = async function* () {
    yield* held;
    for (let next = ended ? undefined : await iterator.next(); next && !next.done; next = await iterator.next())
      yield next.value;
    ended = true;
  };
  try {
    while (head.length < HEAD && !ended) {
      const next = await iterator.next();
      ended = next.done === true;
      if (next.done) break;
      held.push(next.value);
      if (!(next.value instanceof Uint8Array)) break;
      head = joined(head, next.value);
    }
    if (head.length === 0) {
      yield* decoded(whole(), name, options);
      return;
    }
    const { isText, loadDocument } = await import('./files/opened-file.js');
    if (isText(head, name)) yield* decoded(whole(), name, options);
    else yield* loadDocument(whole() as AsyncIterable<Uint8Array>, { ...given(options), name });
  } finally {
    if (!ended) await iterator.return?.();
  }
}

/** Not every runtime's ReadableStream can be iterated. */
async function* chunksOf(stream: ReadableStream<string | Uint8Array>): AsyncGenerator<string | Uint8Array> {
  const reader = stream.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    reader.releaseLock();
  }
}

async function* decoded(source: Pieces, name: string, options: DecodingOptions): AsyncGenerator<PlacedText> {
  let decoding: Decoding | undefined;
  for await (const bit of source) {
    if (bit instanceof Uint8Array) {
      decoding ??= new Decoding(name, options);
      const text = decoding.write(bit);
      if (text !== '') yield placed(text);
      continue;
    }
    if (typeof bit !== 'string' && !isPiece(bit)) {
      throw new ReaderError(
        'input',
        `${name} has a piece that is ${valueText(bit)}, expected a string or bytes. ${FORMS}`,
      );
    }
    // Bytes that still wait come before a string that follows them.
    const before = decoding?.end() ?? '';
    decoding = undefined;
    if (before !== '') yield placed(before);
    const piece = placed(bit);
    if (piece.text.includes('\0')) {
      throw new ReaderError('input', `${name} is binary: it has a zero byte. Convert it to text first.`);
    }
    if (piece.text !== '' || piece.places.length > 0) yield piece;
  }
  const rest = decoding?.end() ?? '';
  if (rest !== '') yield placed(rest);
}

const isPiece = (bit: unknown): bit is PlacedText =>
  typeof bit === 'object' && bit !== null && 'text' in bit && typeof bit.text === 'string' && 'places' in bit;
