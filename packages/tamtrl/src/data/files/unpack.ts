/** Content of files, unpacked if they are packed, within limits. */
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { bytesText, FREE_UNPACKED_BYTES, MAX_EXPANSION, MAX_UNPACKED_BYTES } from '../../base/limits.js';
import { DataError } from '../errors.js';
import { unzstandard } from './zstd.js';

const GZIP = [0x1f, 0x8b];
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd];
/** A skippable frame, with which a zstd file may begin; the first byte's lower four bits count. */
const SKIPPABLE = [0x2a, 0x4d, 0x18];

export const startsWith = (bytes: Uint8Array, mark: readonly number[]) => mark.every((byte, at) => bytes[at] === byte);

/**
 * Content of a file, unpacked if it begins as gzip or zstd data do (whatever it is called).
 * @throws DataError `file` if it cannot be read, is cut short or damaged, or unpacks to more than the limits allow.
 */
export async function* readBytes(path: string): AsyncGenerator<Uint8Array> {
  const stream = createReadStream(path, { highWaterMark: 1 << 18 });
  let packed = 0;
  try {
    const pieces = (stream as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    const first = await pieces.next();
    if (first.done) return;
    const all = concatenated(first.value, pieces, (bytes) => {
      packed += bytes;
    });
    const unpacked = unpackedOf(first.value, all, path);
    if (unpacked === undefined) yield* all;
    else yield* limited(unpacked, () => packed, path);
  } catch (error) {
    if (DataError.isInstance(error)) throw error;
    throw new DataError('file', `Cannot read ${path}: ${(error as Error).message}.`, { cause: error });
  } finally {
    stream.destroy();
  }
}

function unpackedOf(
  head: Uint8Array,
  all: AsyncIterable<Uint8Array>,
  path: string,
): AsyncIterable<Uint8Array> | undefined {
  if (startsWith(head, GZIP)) return gunzipped(all);
  const skippable = head[0] >> 4 === 5 && startsWith(head.subarray(1), SKIPPABLE);
  return skippable || startsWith(head, ZSTD) ? unzstandard(all, path) : undefined;
}

/** @param packed bytes of the file that have been taken so far */
async function* limited(
  source: AsyncIterable<Uint8Array>,
  packed: () => number,
  path: string,
): AsyncGenerator<Uint8Array> {
  let unpacked = 0;
  for await (const piece of source) {
    unpacked += piece.length;
    if (unpacked > FREE_UNPACKED_BYTES && unpacked > packed() * MAX_EXPANSION) {
      throw tooLarge(path, `more than ${MAX_EXPANSION} times its size, which no text does`);
    }
    if (unpacked > MAX_UNPACKED_BYTES) throw tooLarge(path, `more than ${bytesText(MAX_UNPACKED_BYTES)}`);
    yield piece;
  }
}

function tooLarge(path: string, what: string): DataError {
  return new DataError('file', `${path} unpacks to ${what}. If you trust the file, unpack it first.`);
}

async function* concatenated(
  first: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
  onBytes: (count: number) => void,
): AsyncGenerator<Uint8Array> {
  onBytes(first.length);
  yield first;
  for (let next = await rest.next(); !next.done; next = await rest.next()) {
    onBytes(next.value.length);
    yield next.value;
  }
}

async function* gunzipped(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { Readable } = await import('node:stream');
  const unpacked = createGunzip({ chunkSize: 1 << 18 });
  const packed = Readable.from(source);
  packed.on('error', (error) => unpacked.destroy(error));
  yield* packed.pipe(unpacked) as AsyncIterable<Uint8Array>;
}
