/**
 * Zip archives, as office documents and books are: what is in them, and each entry as it is unpacked. What all entries
 * unpack to is counted together, so that no small file fills the memory or takes hours.
 */
import * as zlib from 'node:zlib';
import type { Entry, ZipFile } from 'yauzl';
import { libraryReason } from '../../base/errors.js';
import {
  bytesText,
  FREE_UNPACKED_BYTES,
  MAX_ARCHIVE_ENTRIES,
  MAX_ARCHIVE_EXPANSION,
  MAX_ARCHIVE_UNPACKED,
  MAX_PART_BYTES,
} from '../../base/limits.js';
import { ReaderError } from '../errors.js';
import { type Content, wholeOf } from './content.js';

/** What may still be unpacked: an archive shares it with the documents in it. */
export class UnpackBudget {
  readonly #name: string;
  readonly #packed: number;
  #unpacked = 0;
  isExceeded = false;

  /** @param packed bytes of the outermost archive */
  constructor(name: string, packed: number) {
    this.#name = name;
    this.#packed = packed;
  }

  /** @throws ReaderError `input` beyond the limits. */
  take(bytes: number): void {
    this.#unpacked += bytes;
    const most = Math.min(MAX_ARCHIVE_UNPACKED, Math.max(FREE_UNPACKED_BYTES, MAX_ARCHIVE_EXPANSION * this.#packed));
    if (this.#unpacked <= most) return;
    this.isExceeded = true;
    throw new ReaderError(
      'input',
      `${this.#name} unpacks to more than ${bytesText(most)}, from ${bytesText(this.#packed)}: it may be a zip bomb. Unpack it yourself if you trust it, and name the files.`,
    );
  }
}

export interface Archive {
  /** The entries that are files, in order. */
  readonly names: readonly string[];
  has(name: string): boolean;
  /** The bytes of an entry as they are unpacked. @throws ReaderError `input` if it is missing, damaged or too large. */
  stream(name: string): AsyncGenerator<Uint8Array>;
  /** All of an entry. @throws as `stream`, and for what is too large to be held. */
  whole(name: string): Promise<Uint8Array>;
  readonly budget: UnpackBudget;
}

/**
 * Opens an archive and reads its list of entries. Nothing is unpacked yet, and nothing has to be closed: whoever opened
 * the file closes it.
 * @throws ReaderError `input` for what is damaged, encrypted or beyond the limits.
 */
export async function openArchive(content: Content, shared?: UnpackBudget): Promise<Archive> {
  const { name, handle } = content;
  const { fromBufferPromise, fromFdPromise } = (await import('yauzl')).default;
  const options = { autoClose: false, lazyEntries: true };
  const entries = new Map<string, Entry>();
  let zip: ZipFile;
  let size = content.size ?? 0;
  try {
    if (handle) zip = await fromFdPromise(handle.fd, options);
    else {
      const bytes = await wholeOf(content, 'zip');
      size = bytes.length;
      zip = await fromBufferPromise(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), options);
    }
    if (zip.entryCount > MAX_ARCHIVE_ENTRIES) {
      throw refused(name, `it has ${zip.entryCount} entries; up to ${MAX_ARCHIVE_ENTRIES} are read`);
    }
    for await (const entry of zip.eachEntry()) {
      if (entry.isEncrypted()) throw encrypted(name);
      if (!entry.fileName.endsWith('/')) entries.set(entry.fileName, entry);
    }
  } catch (error) {
    if ((error as Error).message === 'strong encryption is not supported') throw encrypted(name, error);
    throw damaged(name, error);
  }
  const budget = shared ?? new UnpackBudget(name, size);
  const stream = (part: string) => unpacked(name, part, zip, entries.get(part), budget);
  return {
    names: [...entries.keys()],
    has: (part) => entries.has(part),
    stream,
    budget,
    whole: async (part) => {
      const pieces: Uint8Array[] = [];
      let held = 0;
      for await (const piece of stream(part)) {
        held += piece.length;
        if (held > MAX_PART_BYTES) throw refused(name, `${part} in it has more than ${bytesText(MAX_PART_BYTES)}`);
        pieces.push(piece);
      }
      return Buffer.concat(pieces, held);
    },
  };
}

async function* unpacked(
  name: string,
  part: string,
  zip: ZipFile,
  entry: Entry | undefined,
  budget: UnpackBudget,
): AsyncGenerator<Uint8Array> {
  if (!entry) throw damaged(name, new Error(`${part} is missing in it`));
  let checksum = 0;
  try {
    const stream = await zip.openReadStreamPromise(entry);
    for await (const piece of stream as AsyncIterable<Buffer>) {
      budget.take(piece.length);
      // Node has it from 20.15 on.
      if (zlib.crc32) checksum = zlib.crc32(piece, checksum);
      yield piece;
    }
  } catch (error) {
    throw damaged(name, error);
  }
  if (zlib.crc32 !== undefined && checksum !== entry.crc32) {
    throw damaged(name, new Error(`the checksum of ${part} is wrong`));
  }
}

function encrypted(name: string, cause?: unknown): ReaderError {
  return new ReaderError('input', `${name} is encrypted with a password. Save it without one, and read that.`, {
    cause,
  });
}

function damaged(name: string, error: unknown): ReaderError {
  if (ReaderError.isInstance(error)) return error;
  const reason = libraryReason(error, 'its contents make no sense').replace(/\.$/, '');
  return refused(name, `${reason}. It may be damaged or incomplete; export or download it again`, error);
}

function refused(name: string, why: string, cause?: unknown): ReaderError {
  return new ReaderError('input', `Cannot read ${name}: ${why}.`, { cause });
}
