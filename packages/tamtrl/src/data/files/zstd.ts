/**
 * Unpacks zstd streams a block at a time, within limits, and checks the checksums of their frames. The package fzstd
 * decodes the blocks but neither verifies checksums nor limits windows, so the frames are parsed here. Format: RFC
 * 8878.
 */
import { Decompress } from 'fzstd';
import xxhash from 'xxhash-wasm';
import { bytesText, FREE_ZSTD_COPIES, MAX_ZSTD_COPIES, MAX_ZSTD_WINDOW } from '../../base/limits.js';
import { DataError } from '../errors.js';
import { ByteQueue } from './byte-queue.js';

const MAGIC = 0xfd2fb528;
/** The lower four bits count. */
const SKIPPABLE = 0x184d2a50;
const DICTIONARY_BYTES = [0, 1, 2, 4];
const RLE = 1;
const RESERVED = 3;

interface FrameHeader {
  bytes: Uint8Array;
  window: number;
  /** Bytes of the content; undefined if the frame does not say. */
  size: number | undefined;
  checksum: boolean;
}

/** @throws DataError `file` for frames that are cut short, damaged, or beyond the limits. */
export async function* unzstandard(source: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<Uint8Array> {
  const { create64 } = await xxhash();
  const queue = new ByteQueue(source, () => damaged(path, 'it ends in the middle of a frame'));
  while (!(await queue.atEnd())) {
    const start = await queue.take(4);
    const magic = littleEndian(start);
    if (magic >= SKIPPABLE && magic < SKIPPABLE + 16) {
      await queue.skip(littleEndian(await queue.take(4)));
      continue;
    }
    if (magic !== MAGIC) throw damaged(path, 'the data after its last frame is not zstd');
    const header = await frameHeader(queue, start, path);
    yield* frameContent(queue, header, create64(), path);
  }
}

async function frameHeader(queue: ByteQueue, start: Uint8Array, path: string): Promise<FrameHeader> {
  const descriptor = await queue.take(1);
  const [flags] = descriptor;
  if (flags & 8) throw damaged(path, 'a reserved bit of a frame is set');
  const single = (flags & 0x20) !== 0;
  const windowByte = await queue.take(single ? 0 : 1);
  const dictionary = await queue.take(DICTIONARY_BYTES[flags & 3]);
  if (dictionary.some((byte) => byte !== 0)) {
    throw new DataError(
      'file',
      `${path} needs the zstd dictionary that it was packed with. Unpack it with zstd -d -D.`,
    );
  }
  const sizeBytes = await queue.take(flags >> 6 === 0 ? (single ? 1 : 0) : 1 << (flags >> 6));
  const size = sizeBytes.length === 0 ? undefined : littleEndian(sizeBytes) + (sizeBytes.length === 2 ? 256 : 0);
  const base = single ? 0 : 2 ** (10 + (windowByte[0] >> 3));
  const window = single ? size! : base + (base / 8) * (windowByte[0] & 7);
  if (window > MAX_ZSTD_WINDOW) {
    throw new DataError(
      'file',
      `${path} was packed with a zstd window of ${bytesText(window)}; the limit is ${bytesText(MAX_ZSTD_WINDOW)}. Pack it again without --ultra or --long.`,
    );
  }
  const bytes = Buffer.concat([start, descriptor, windowByte, dictionary, sizeBytes]);
  return { bytes, window, size, checksum: (flags & 4) !== 0 };
}

async function* frameContent(
  queue: ByteQueue,
  header: FrameHeader,
  hash: { update(bytes: Uint8Array): unknown; digest(): bigint },
  path: string,
): AsyncGenerator<Uint8Array> {
  const ready: Uint8Array[] = [];
  const decoder = new Decompress((piece) => void ready.push(piece));
  decoder.push(header.bytes);
  let unpacked = 0;
  let copied = 0;
  for (let last = false; !last; ) {
    const head = await queue.take(3);
    const word = littleEndian(head);
    const kind = (word >> 1) & 3;
    if (kind === RESERVED) throw damaged(path, 'one of its blocks is of an unknown kind');
    last = (word & 1) !== 0;
    const body = await queue.take(kind === RLE ? 1 : word >> 3);
    try {
      decoder.push(Buffer.concat([head, body]));
      // Otherwise, the last blocks of a short frame would wait for the data after it.
      if (last) decoder.push(header.checksum ? new Uint8Array(4) : new Uint8Array(0), true);
    } catch (error) {
      throw damaged(path, `one of its blocks cannot be unpacked (${(error as Error).message})`);
    }
    copied += header.window;
    for (const piece of ready.splice(0)) {
      unpacked += piece.length;
      if (header.size !== undefined && unpacked > header.size) throw wrongSize(path, header.size, 'more');
      if (header.checksum) hash.update(piece);
      if (piece.length > 0) yield piece;
    }
    if (copied > FREE_ZSTD_COPIES && copied > unpacked * MAX_ZSTD_COPIES) {
      throw new DataError(
        'file',
        `${path} is packed in very short blocks with a window of ${bytesText(header.window)}, which takes hours to read. Unpack it with zstd -d first.`,
      );
    }
  }
  if (header.size !== undefined && unpacked < header.size) throw wrongSize(path, header.size, 'less');
  if (!header.checksum) return;
  const expected = littleEndian(await queue.take(4));
  const found = Number(hash.digest() & 0xffffffffn);
  if (found === expected) return;
  throw damaged(path, `the checksum of its content is ${found.toString(16)}, expected ${expected.toString(16)}`);
}

function littleEndian(bytes: Uint8Array): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
}

function wrongSize(path: string, size: number, found: string): DataError {
  return damaged(path, `a frame says that it holds ${size} bytes, but it holds ${found}`);
}

function damaged(path: string, how: string): DataError {
  return new DataError('file', `${path} is damaged zstd data: ${how}. Copy or download it again.`);
}
