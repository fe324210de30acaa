/** What is read: an open file, bytes, or a stream whose beginning is known. All of them answer the same questions. */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { bytesText, MAX_HELD_BYTES } from '../../base/limits.js';
import { valueText } from '../../base/values.js';
import { HEAD } from '../decoding.js';
import { ReaderError } from '../errors.js';

export interface Content {
  /** For messages, and for the kind that its ending tells. */
  readonly name: string;
  /** The first bytes: all of them, or at least `HEAD`. */
  readonly head: Uint8Array;
  /** In bytes, if it is known. */
  readonly size?: number;
  /** An open file, in which any place can be read. */
  readonly handle?: FileHandle;
  /** All bytes in order. Call it once. */
  stream(): AsyncIterable<Uint8Array>;
}

/**
 * All bytes at once.
 * @param what the content is, for the refusal: "Markdown"
 * @throws ReaderError `input` if there are more than `limit`, before more are held.
 */
export async function wholeOf(
  content: Content,
  what: string,
  limit = MAX_HELD_BYTES,
  advice = 'Split it, or export its text',
): Promise<Uint8Array> {
  const tooLarge = (size: string) =>
    new ReaderError(
      'input',
      `${content.name} has ${size}; ${what} files of up to ${bytesText(limit)} are read. ${advice}.`,
    );
  if (content.size !== undefined && content.size > limit) throw tooLarge(bytesText(content.size));
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of content.stream()) {
    size += piece.length;
    if (size > limit) throw tooLarge(`more than ${bytesText(limit)}`);
    pieces.push(piece);
  }
  return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces, size);
}

export function contentOfBytes(bytes: Uint8Array, name: string): Content {
  return {
    name,
    head: bytes.subarray(0, HEAD),
    size: bytes.length,
    async *stream() {
      yield bytes;
    },
  };
}

export async function contentOfStream(source: AsyncIterable<Uint8Array | string>, name: string): Promise<Content> {
  const iterator = source[Symbol.asyncIterator]();
  const begun: Uint8Array[] = [];
  let size = 0;
  while (size < HEAD) {
    const { value, done } = await iterator.next();
    if (done) return contentOfBytes(Buffer.concat(begun), name);
    begun.push(bytesOf(value, name));
    size += begun[begun.length - 1].length;
  }
  return {
    name,
    head: Buffer.concat(begun),
    async *stream() {
      yield* begun;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield bytesOf(next.value, name);
    },
  };
}

function bytesOf(bit: Uint8Array | string, name: string): Uint8Array {
  if (bit instanceof Uint8Array) return bit;
  if (typeof bit === 'string') return Buffer.from(bit);
  throw new ReaderError('input', `${name} has a piece that is ${valueText(bit)}, expected bytes.`);
}

/** @param handle stays open; whoever opened it closes it */
export async function contentOfHandle(handle: FileHandle, name: string): Promise<Content> {
  const found = await handle.stat();
  requireRegular(name, found);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD), 0, HEAD, 0).catch((error: unknown) => {
    throw unreadable(name, error);
  });
  return {
    name,
    head: buffer.subarray(0, bytesRead),
    size: found.size,
    handle,
    stream: () => handle.createReadStream({ start: 0, autoClose: false }) as AsyncIterable<Buffer>,
  };
}

/** Not every system has it. It opens a named pipe without a writer at once, instead of holding a thread. */
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/**
 * Opens a regular file, and nothing else.
 * @throws ReaderError `input` if it is missing, or is a folder, a pipe or a device.
 */
export async function openFile(path: string): Promise<FileHandle> {
  try {
    const found = await stat(path);
    // Opening a device can already do something, and a pipe's beginning can be read only once.
    requireRegular(path, found);
    return await open(path, FLAGS);
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** The sentence for what the system says about a file. */
function unreadable(path: string, error: unknown): ReaderError {
  if (ReaderError.isInstance(error)) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const why = code === 'ENOENT' ? `There is no file ${path}.` : `Cannot read ${path}: ${message}.`;
  return new ReaderError('input', why, { cause: error });
}

function requireRegular(name: string, found: Stats): void {
  if (found.isFile()) return;
  throw new ReaderError(
    'input',
    found.isDirectory()
      ? `${name} is a folder. Name its files, for example "${name}/*.md".`
      : `${name} is not a regular file, but a named pipe, a socket or a device. Pipe its contents to stdin instead: tamtrl ask - "Who did it?" < ${name}`,
  );
}
