/**
 * Reads safetensors files: 8 bytes with the header's length, a JSON header (name -> dtype, shape, offsets into
 * the data), the data. Format: https://github.com/huggingface/safetensors (README, "Format"), which forbids overlaps,
 * holes and bytes after the last tensor.
 */
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EngineError, reasonOf } from '../errors.js';
import { isJsonObject } from '../json.js';
import { MAX_SAFETENSORS_HEADER } from '../limits.js';
import { elementCount } from '../shape.js';
import { decodeBfloat16, decodeFloat16 } from './dtype.js';
import {
  missingTensor,
  RandomAccessFile,
  refuseLfsPointer,
  type TensorEntry,
  type TensorSource,
  truncated,
} from './tensor-source.js';

/** Values converted at once: bounds the memory beyond the result. */
const BLOCK = 1 << 22;

/** Bits per value of the format's other dtypes, to check the sizes of tensors that are not read. */
const BITS: Readonly<Record<string, number>> = {
  F64: 64,
  I64: 64,
  U64: 64,
  C64: 64,
  F32: 32,
  I32: 32,
  U32: 32,
  F16: 16,
  BF16: 16,
  I16: 16,
  U16: 16,
  I8: 8,
  U8: 8,
  BOOL: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F6_E2M3: 6,
  F6_E3M2: 6,
  F4: 4,
};

interface Entry extends TensorEntry {
  /** Position of the first byte in the file. */
  begin: number;
  end: number;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function corrupt(file: string, tensor: string, expected: string, found: string): EngineError {
  return new EngineError(
    'file',
    `${file} is damaged: tensor "${tensor}" should have ${expected}, found ${found}. Copy or download the file again.`,
    { file, tensor, expected, found },
  );
}

function parseEntry(file: string, name: string, value: unknown, dataBegin: number): Entry {
  const offsets = isJsonObject(value) ? value.data_offsets : undefined;
  if (
    !isJsonObject(value) ||
    typeof value.dtype !== 'string' ||
    !Array.isArray(value.shape) ||
    !value.shape.every(isCount) ||
    !Array.isArray(offsets) ||
    offsets.length !== 2 ||
    !offsets.every(isCount)
  ) {
    throw corrupt(file, name, 'a dtype, a shape and two offsets', JSON.stringify(value));
  }
  const [begin, end] = offsets;
  if (begin > end) throw corrupt(file, name, 'offsets in ascending order', `${begin} to ${end}`);
  const entry = { name, file, dtype: value.dtype, shape: value.shape, begin: dataBegin + begin, end: dataBegin + end };
  const bits = BITS[entry.dtype];
  if (bits !== undefined) {
    const bytes = (elementCount(entry.shape) * bits) / 8;
    if (bytes !== end - begin) {
      throw corrupt(file, name, `${bytes} bytes (${entry.dtype} [${entry.shape.join(', ')}])`, `${end - begin} bytes`);
    }
  }
  return entry;
}

/** Checks that the tensors cover the data without gap or overlap, and that the file is as long as they need. */
function checkLayout(file: string, entries: readonly Entry[], dataBegin: number, size: number): void {
  const sorted = [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let position = dataBegin;
  for (const entry of sorted) {
    if (entry.begin !== position) {
      const kind = entry.begin < position ? ', inside another tensor' : ', after a hole';
      const found = `${entry.begin - dataBegin}${kind}`;
      throw corrupt(file, entry.name, `its data at offset ${position - dataBegin}`, found);
    }
    if (entry.end > size) throw truncated(file, `${sorted[sorted.length - 1].end} bytes`, `${size} bytes`, entry.name);
    position = entry.end;
  }
  if (position !== size) {
    throw new EngineError(
      'file',
      `${file} is damaged: its header accounts for ${position} bytes, but the file has ${size}. Copy or download it again.`,
      { file, expected: `${position} bytes`, found: `${size} bytes` },
    );
  }
}

/** One safetensors file whose header has been read and checked. */
export class SafetensorsFile implements TensorSource {
  readonly entries: ReadonlyMap<string, Entry>;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly path: string;
  readonly #file: RandomAccessFile;

  private constructor(file: RandomAccessFile, entries: Map<string, Entry>, metadata: Record<string, unknown>) {
    this.#file = file;
    this.path = file.path;
    this.entries = entries;
    this.metadata = metadata;
  }

  /** @throws EngineError 'truncated-file' or 'file', naming the file, the tensor, what was expected and found. */
  static async open(path: string): Promise<SafetensorsFile> {
    const file = await RandomAccessFile.open(path);
    try {
      const { header, dataBegin } = await SafetensorsFile.#readHeader(file);
      const { __metadata__: metadata, ...tensors } = header;
      const entries = new Map<string, Entry>();
      for (const [name, value] of Object.entries(tensors)) entries.set(name, parseEntry(path, name, value, dataBegin));
      checkLayout(path, [...entries.values()], dataBegin, file.size);
      return new SafetensorsFile(file, entries, isJsonObject(metadata) ? metadata : {});
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  static async #readHeader(file: RandomAccessFile) {
    if (file.size < 8) throw truncated(file.path, 'at least 8 bytes', `${file.size} bytes`);
    const prefix = await file.read(0, 8);
    refuseLfsPointer(file.path, prefix);
    const length = Number(new DataView(prefix.buffer).getBigUint64(0, true));
    const expected = 'a safetensors header';
    if (length > MAX_SAFETENSORS_HEADER) {
      throw new EngineError(
        'file',
        `${file.path} is not a safetensors file: its first 8 bytes say that the header has ${length} bytes.`,
        { file: file.path, expected, found: `header of ${length} bytes` },
      );
    }
    if (8 + length > file.size) {
      throw truncated(file.path, `a header of ${length} bytes`, `${file.size - 8} bytes after its length`);
    }
    const text = new TextDecoder().decode(await file.read(8, length));
    let header: unknown;
    try {
      header = JSON.parse(text);
    } catch (cause) {
      const found = JSON.stringify(text.slice(0, 40));
      throw new EngineError(
        'file',
        `${file.path} is not a safetensors file, or damaged: its header is not JSON (it begins with ${found}).`,
        { file: file.path, expected, found },
        { cause },
      );
    }
    if (!isJsonObject(header)) {
      const found = JSON.stringify(header).slice(0, 40);
      throw new EngineError('file', `${file.path} is damaged: its header should be an object, found ${found}.`, {
        file: file.path,
        expected,
        found,
      });
    }
    return { header, dataBegin: 8 + length };
  }

  async read(name: string): Promise<Float32Array<ArrayBuffer>> {
    const entry = this.entries.get(name);
    if (entry === undefined) throw missingTensor(this.#file.path, name);
    const { dtype, begin } = entry;
    if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16') {
      throw new EngineError(
        'unsupported',
        `Tensor "${name}" of ${this.#file.path} is of type ${dtype}; the engine reads F32, F16 and BF16. ` +
          'Convert the checkpoint to one of these.',
        { file: this.#file.path, tensor: name, expected: 'F32, F16 or BF16', found: dtype },
      );
    }
    const values = new Float32Array(elementCount(entry.shape));
    if (dtype === 'F32') {
      await this.#file.readInto(new Uint8Array(values.buffer), begin);
      return values;
    }
    const decode = dtype === 'F16' ? decodeFloat16 : decodeBfloat16;
    const block = new Uint16Array(Math.min(BLOCK, values.length));
    for (let done = 0; done < values.length; done += BLOCK) {
      const part = block.subarray(0, Math.min(BLOCK, values.length - done));
      await this.#file.readInto(new Uint8Array(block.buffer, 0, part.byteLength), begin + 2 * done);
      decode(part, values.subarray(done, done + part.length));
    }
    return values;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** Several safetensors files that make up one checkpoint, by their `*.safetensors.index.json`. */
export class ShardedSafetensors implements TensorSource {
  readonly entries: ReadonlyMap<string, TensorEntry>;
  readonly #shardOf: ReadonlyMap<string, SafetensorsFile>;
  readonly #shards: readonly SafetensorsFile[];

  private constructor(shardOf: Map<string, SafetensorsFile>, shards: SafetensorsFile[]) {
    this.#shardOf = shardOf;
    this.#shards = shards;
    this.entries = new Map([...shardOf].map(([name, shard]) => [name, shard.entries.get(name)!]));
  }

  /**
   * @throws EngineError 'file' (index unreadable, shard missing or damaged), 'truncated-file', or 'missing-tensor' if a
   *   shard lacks a tensor that the index assigns to it.
   */
  static async open(indexPath: string): Promise<ShardedSafetensors> {
    const shards = new Map<string, SafetensorsFile>();
    try {
      const shardOf = new Map<string, SafetensorsFile>();
      for (const [tensor, file] of await readWeightMap(indexPath)) {
        let shard = shards.get(file);
        if (shard === undefined) {
          shard = await SafetensorsFile.open(join(dirname(indexPath), file));
          shards.set(file, shard);
        }
        if (!shard.entries.has(tensor)) {
          throw missingTensor(join(dirname(indexPath), file), tensor, ` ${indexPath} says that the file has it.`);
        }
        shardOf.set(tensor, shard);
      }
      return new ShardedSafetensors(shardOf, [...shards.values()]);
    } catch (error) {
      for (const shard of shards.values()) await shard.close();
      throw error;
    }
  }

  async read(name: string): Promise<Float32Array<ArrayBuffer>> {
    const shard = this.#shardOf.get(name);
    if (shard === undefined)
      throw missingTensor(this.#shards[0]?.entries.values().next().value?.file ?? 'The index', name);
    return shard.read(name);
  }

  async close(): Promise<void> {
    for (const shard of this.#shards) await shard.close();
  }
}

/** Reads an index file: tensor name -> shard's file name. */
export async function readWeightMap(indexPath: string): Promise<Map<string, string>> {
  let index: unknown;
  try {
    index = JSON.parse(await readFile(indexPath, 'utf8'));
  } catch (cause) {
    throw new EngineError('file', `Could not read ${indexPath}: ${reasonOf(cause)}`, { file: indexPath }, { cause });
  }
  const map = isJsonObject(index) ? index.weight_map : undefined;
  const entries = isJsonObject(map) ? Object.entries(map) : [];
  const shards = new Map<string, string>();
  for (const [tensor, file] of entries) {
    // A name that contains a folder could point anywhere.
    if (typeof file !== 'string' || basename(file) !== file || file === '..') {
      throw corrupt(indexPath, tensor, 'a file name in the same folder', JSON.stringify(file));
    }
    shards.set(tensor, file);
  }
  if (shards.size === 0) {
    throw new EngineError('file', `${indexPath} has no "weight_map" from tensor names to files.`, {
      file: indexPath,
      expected: 'weight_map',
      found: isJsonObject(index) ? Object.keys(index).join(', ') : typeof index,
    });
  }
  return shards;
}
