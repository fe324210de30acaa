/** Turns text in any of the usual forms into a stream of strings, with its places where they are known. */

import { given } from '../base/objects.js';
import { Decoding, type DecodingOptions } from './decoding.js';
import { ReaderError } from './errors.js';
import { type PlacedText, placed, type TextPiece } from './places.js';

export type TextSource =
  | string
  | Uint8Array
  | Iterable<string>
  /** For example what `loadDocument` gives. */
  | AsyncIterable<TextPiece | Uint8Array>
  | ReadableStream<string | Uint8Array>
  /** Of any kind that is read; a File's name tells the kind as well. Without Node, it must be text. */
  | Blob
  /** An http(s) address, or that of a file; needs Node. */
  | URL
  /** A file of any kind that is read, or a folder of them; needs a runtime with node:fs. */
  | { file: string };

/** Yields the source as strings. See `placedTextOf`. */
export async function* textOf(source: TextSource, name?: string, options?: DecodingOptions): AsyncGenerator<string> {
  for await (const { text } of placedTextOf(source, name, options)) yield text;
}

/**
 * Yields the source as strings with the places that it knows. Bytes are decoded as text; a file is read by its kind.
 * @param name of the source, for messages
 * @throws ReaderError `input` if the bytes are not text, or the file cannot be read.
 */
export async function* placedTextOf(
  source: TextSource,
  name = 'The input',
  options: DecodingOptions = {},
): AsyncGenerator<PlacedText> {
  if (typeof source === 'string') yield placed(source);
  else if (source instanceof Uint8Array) yield* decoded([source], name, options);
  else if (source instanceof URL) {
    const { loadDocument } = await import('./files/opened-file.js');
    yield* loadDocument(source, given(options));
  } else if (isBlob(source)) {
    const bytes = new Uint8Array(await source.arrayBuffer());
    const called = 'name' in source && typeof source.name === 'string' ? source.name : name;
    const { hasParsers, loadDocument } = await import('./files/opened-file.js');
    if (hasParsers) yield* loadDocument(bytes, { ...given(options), name: called });
    else yield* decoded([bytes], called, options);
  } else if (typeof source !== 'object' || source === null) throw notReadable(source, name);
  else if ('file' in source) {
    if (typeof source.file !== 'string') throw notReadable(source, name);
    const { textAt } = await import('./files/opened-file.js');
    for await (const piece of textAt(source.file, options)) yield placed(piece);
  } else if (Symbol.asyncIterator in source) yield* decoded(source, name, options);
  else if (Symbol.iterator in source) for (const text of source) yield placed(text);
  else if ('getReader' in source) yield* decoded(chunksOf(source), name, options);
  else throw notReadable(source, name);
}

/** Whether the source can be read more than once, unlike a stream. */
export function isRepeatable(source: TextSource): boolean {
  if (typeof source === 'string' || source instanceof Uint8Array || source instanceof URL) return true;
  if (isBlob(source) || 'file' in source) return true;
  if ('getReader' in source) return false;
  const passage: unknown = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  // What goes through a stream or a generator is the thing itself.
  return passage !== source;
}

const isBlob = (source: TextSource): source is Blob => typeof Blob !== 'undefined' && source instanceof Blob;

function notReadable(source: unknown, name: string): ReaderError {
  const what =
    source === null ? 'null' : typeof source === 'object' ? 'an object of another kind' : `a ${typeof source}`;
  return new ReaderError(
    'input',
    `${name} is ${what}, not a text. Pass a string, bytes, a Blob, a URL, a stream or list of strings, or { file: "notes.pdf" }.`,
  );
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

async function* decoded(
  source: AsyncIterable<TextPiece | Uint8Array> | Iterable<Uint8Array>,
  name: string,
  options: DecodingOptions,
): AsyncGenerator<PlacedText> {
  let decoding: Decoding | undefined;
  for await (const bit of source) {
    if (bit instanceof Uint8Array) {
      decoding ??= new Decoding(name, options);
      const text = decoding.write(bit);
      if (text !== '') yield placed(text);
      continue;
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
