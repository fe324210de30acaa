/**
 * Reads the lines of text files, compressed or not, in constant memory. Reports every line that is not text instead of
 * guessing what it says.
 */
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { Decompress } from 'fzstd';
import { DataError } from '../errors.js';

/** A line that can be read, or why it cannot. `line` counts from 1. */
export type Line = { line: number; text: string } | { line: number; problem: 'encoding' | 'size'; bytes: number };

export interface LineOptions {
  /** Maximum length of a line in bytes; default 256 MiB. Longer lines are reported. */
  maxLineBytes?: number;
}

export const MAX_LINE_BYTES = 256 * 2 ** 20;
const NEWLINE = 0x0a;
const GZIP = [0x1f, 0x8b];
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd];
const UTF16 = [
  [0xff, 0xfe],
  [0xfe, 0xff],
];

const startsWith = (bytes: Uint8Array, mark: readonly number[]) => mark.every((byte, at) => bytes[at] === byte);

/**
 * Content of a file, decompressed if its first bytes are those of gzip or zstd, whatever its name.
 * @throws DataError `file` if it cannot be read, or is cut short or damaged.
 */
export async function* readBytes(path: string): AsyncGenerator<Uint8Array> {
  const stream = createReadStream(path, { highWaterMark: 1 << 18 });
  try {
    const pieces = (stream as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    const first = await pieces.next();
    if (first.done) return;
    const all = concatenated(first.value, pieces);
    if (startsWith(first.value, GZIP)) yield* gunzipped(all);
    else if (startsWith(first.value, ZSTD)) yield* unzstandard(all);
    else yield* all;
  } catch (error) {
    if (DataError.isInstance(error)) throw error;
    throw new DataError('file', `Cannot read ${path}: ${(error as Error).message}.`, { cause: error });
  } finally {
    stream.destroy();
  }
}

async function* concatenated(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

async function* gunzipped(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { Readable } = await import('node:stream');
  const unpacked = createGunzip();
  const packed = Readable.from(source);
  packed.on('error', (error) => unpacked.destroy(error));
  yield* packed.pipe(unpacked) as AsyncIterable<Uint8Array>;
}

async function* unzstandard(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let ready: Uint8Array[] = [];
  const decoder = new Decompress((piece) => void ready.push(piece));
  for await (const piece of source) {
    decoder.push(piece);
    yield* ready;
    ready = [];
  }
  decoder.push(new Uint8Array(0), true);
  yield* ready;
}

/**
 * Lines, split only at "\n", because JSON strings may hold other line separators. A byte order mark at the start is
 * dropped.
 * @throws DataError `file` if the file cannot be read or is UTF-16.
 */
export async function* readLines(path: string, options: LineOptions = {}): AsyncGenerator<Line> {
  const { maxLineBytes = MAX_LINE_BYTES } = options;
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let line = 0;
  let held: Uint8Array[] = [];
  let size = 0;
  const finish = (): Line => {
    line++;
    const bytes = held.length === 1 ? held[0] : Buffer.concat(held);
    const length = size;
    held = [];
    size = 0;
    if (length > maxLineBytes) return { line, problem: 'size', bytes: length };
    try {
      const text = decoder.decode(bytes);
      return { line, text: line === 1 ? text.replace(/^\ufeff/, '') : text };
    } catch {
      return { line, problem: 'encoding', bytes: length };
    }
  };
  const hold = (bytes: Uint8Array) => {
    size += bytes.length;
    if (size <= maxLineBytes) held.push(bytes);
    else held = [];
  };
  let first = true;
  for await (const bytes of readBytes(path)) {
    if (first && UTF16.some((mark) => startsWith(bytes, mark))) {
      throw new DataError(
        'file',
        `${path} is UTF-16 text; expected UTF-8. Convert it, for example with iconv -f UTF-16 -t UTF-8.`,
      );
    }
    first = false;
    let from = 0;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, from)) {
      hold(bytes.subarray(from, at));
      yield finish();
      from = at + 1;
    }
    if (from < bytes.length) hold(bytes.subarray(from));
  }
  if (size > 0) yield finish();
}
