/**
 * Reads the header of a GGUF file (versions 2 and 3): magic, counts, typed key-value metadata, one record per tensor,
 * padding to the alignment, then the data. Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. We parse
 * it ourselves because @huggingface/gguf 0.4.6 cuts off a string at the end of an array that crosses its 2 MB reads,
 * and reads zeros beyond the end of a truncated file.
 */
import { EngineError, reasonOf } from '../errors.js';
import {
  MAX_GGUF_DIMENSIONS,
  MAX_GGUF_HEADER,
  MAX_GGUF_KEYS,
  MAX_GGUF_NESTING,
  MAX_GGUF_TENSORS,
  MAX_GGUF_VALUES,
} from '../limits.js';
import { type RandomAccessFile, refuseLfsPointer, truncated } from './tensor-source.js';

export type GgufValue = string | number | boolean | GgufValue[];

export interface GgufTensorRecord {
  name: string;
  /** ggml's number of the type. */
  type: number;
  /** Slowest dimension first: the reverse of the file's order. */
  shape: number[];
  /** Position of the first byte in the file. */
  begin: number;
}

export interface GgufHeader {
  version: number;
  metadata: Map<string, GgufValue>;
  tensors: GgufTensorRecord[];
}

/** The part of the file that was read is too short. */
class NeedMore extends Error {}

const FIRST_READ = 8 << 20;

class Cursor {
  readonly #view: DataView;
  readonly #bytes: Buffer;
  position = 0;
  /** Values in lists so far. */
  #values = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Moves on by `length` bytes and returns where they begin. */
  take(length: number): number {
    const at = this.position;
    if (at + length > this.#bytes.length) throw new NeedMore();
    this.position = at + length;
    return at;
  }

  uint32(): number {
    return this.#view.getUint32(this.take(4), true);
  }

  /** Whole numbers above 2^53 lose their lowest bits; nothing in a usable file is that large. */
  uint64(): number {
    return Number(this.#view.getBigUint64(this.take(8), true));
  }

  string(): string {
    const length = this.uint64();
    const at = this.take(length);
    return this.#bytes.toString('utf8', at, at + length);
  }

  value(type: number, depth = 0): GgufValue {
    switch (type) {
      case 0:
        return this.#view.getUint8(this.take(1));
      case 1:
        return this.#view.getInt8(this.take(1));
      case 2:
        return this.#view.getUint16(this.take(2), true);
      case 3:
        return this.#view.getInt16(this.take(2), true);
      case 4:
        return this.uint32();
      case 5:
        return this.#view.getInt32(this.take(4), true);
      case 6:
        return this.#view.getFloat32(this.take(4), true);
      case 7:
        return this.#view.getUint8(this.take(1)) !== 0;
      case 8:
        return this.string();
      case 9:
        return this.#array(depth);
      case 10:
        return this.uint64();
      case 11:
        return Number(this.#view.getBigInt64(this.take(8), true));
      case 12:
        return this.#view.getFloat64(this.take(8), true);
      default:
        throw new Error(`a value of unknown type ${type}`);
    }
  }

  #array(depth: number): GgufValue[] {
    if (depth >= MAX_GGUF_NESTING) throw new Error(`arrays nested more than ${MAX_GGUF_NESTING} deep`);
    const type = this.uint32();
    const length = this.uint64();
    const values: GgufValue[] = [];
    this.#values += length;
    if (this.#values > MAX_GGUF_VALUES) throw new Error(`an array of ${length} values`);
    for (let i = 0; i < length; i++) values.push(this.value(type, depth + 1));
    return values;
  }
}

function damaged(file: string, where: string, expected: string, found: string): EngineError {
  return new EngineError(
    'file',
    `${file} is damaged or not a GGUF file: ${where} should be ${expected}, found ${found}. Copy or download it again.`,
    { file, expected, found },
  );
}

function checkStart(file: string, cursor: Cursor, bytes: Uint8Array): number {
  refuseLfsPointer(file, bytes.subarray(0, 8));
  const magic = Buffer.from(bytes.buffer, cursor.take(4), 4).toString('latin1');
  if (magic !== 'GGUF') throw damaged(file, 'its first four bytes', '"GGUF"', JSON.stringify(magic));
  const version = cursor.uint32();
  if (version === 2 || version === 3) return version;
  const swapped = version % 65536 === 0;
  throw new EngineError(
    'unsupported',
    swapped
      ? `${file} is a big-endian GGUF file; the engine reads little-endian ones.`
      : `${file} is a GGUF file of version ${version}; the engine reads versions 2 and 3. ` +
          'Convert it with a newer llama.cpp.',
    { file, expected: 'GGUF version 2 or 3, little-endian', found: swapped ? 'big-endian' : `version ${version}` },
  );
}

function parse(file: string, bytes: Uint8Array<ArrayBuffer>): GgufHeader {
  const cursor = new Cursor(bytes);
  const version = checkStart(file, cursor, bytes);
  const tensorCount = cursor.uint64();
  const keyCount = cursor.uint64();
  const claims = [
    ['tensors', tensorCount, MAX_GGUF_TENSORS],
    ['keys', keyCount, MAX_GGUF_KEYS],
  ] as const;
  for (const [what, count, most] of claims) {
    if (count > most) throw damaged(file, `its number of ${what}`, `at most ${most}`, String(count));
  }
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < keyCount; i++) {
    const key = cursor.string();
    try {
      metadata.set(key, cursor.value(cursor.uint32()));
    } catch (error) {
      if (error instanceof NeedMore) throw error;
      throw damaged(file, `key "${key}"`, 'a typed value', reasonOf(error));
    }
  }
  const tensors: GgufTensorRecord[] = [];
  for (let i = 0; i < tensorCount; i++) {
    const name = cursor.string();
    const dimensions = cursor.uint32();
    if (dimensions > MAX_GGUF_DIMENSIONS) {
      throw damaged(file, `tensor "${name}"`, `of at most ${MAX_GGUF_DIMENSIONS} dimensions`, String(dimensions));
    }
    const shape: number[] = [];
    for (let d = 0; d < dimensions; d++) shape.unshift(cursor.uint64());
    tensors.push({ name, shape, type: cursor.uint32(), begin: cursor.uint64() });
  }
  const alignment = metadata.get('general.alignment') ?? 32;
  if (typeof alignment !== 'number' || !(alignment >= 1)) {
    throw damaged(file, 'key "general.alignment"', 'a positive number', JSON.stringify(alignment));
  }
  const dataBegin = Math.ceil(cursor.position / alignment) * alignment;
  for (const tensor of tensors) tensor.begin += dataBegin;
  return { version, metadata, tensors };
}

/** @throws EngineError 'truncated-file', 'file' or 'unsupported', naming the file, what was expected and found. */
export async function readGgufHeader(file: RandomAccessFile): Promise<GgufHeader> {
  for (let length = FIRST_READ; ; length *= 4) {
    const bytes = await file.read(0, Math.min(length, file.size));
    try {
      return parse(file.path, bytes);
    } catch (error) {
      if (!(error instanceof NeedMore)) throw error;
      if (bytes.length === file.size) throw truncated(file.path, 'a longer header', `${file.size} bytes`);
      if (length >= MAX_GGUF_HEADER) {
        throw damaged(file.path, 'its header', `at most ${MAX_GGUF_HEADER} bytes`, 'counts that need more');
      }
    }
  }
}
