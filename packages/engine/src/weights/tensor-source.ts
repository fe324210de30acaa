/**
 * Named tensors in files, read one at a time: the common interface of safetensors and GGUF files, and the positional
 * reads that both are built on.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { EngineError, reasonOf } from '../errors.js';
import type { ModelConfig } from '../models/config.js';

export interface TensorEntry {
  readonly name: string;
  readonly file: string;
  /** The format's name for the type, e.g. "BF16" or "Q4_K". */
  readonly dtype: string;
  /** Slowest dimension first. */
  readonly shape: readonly number[];
}

export interface TensorSource {
  readonly entries: ReadonlyMap<string, TensorEntry>;
  /**
   * The tensor's values in row-major order, in their own buffer.
   * @throws EngineError 'missing-tensor', 'unsupported' (dtype) or 'truncated-file'.
   */
  read(name: string): Promise<Float32Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/** Largest single read; the system's own limit is 2 GiB. */
const READ_BYTES = 1 << 30;

/** A file open for reading at positions; files and reads may exceed 2 GiB. */
export class RandomAccessFile {
  readonly path: string;
  readonly size: number;
  readonly #handle: FileHandle;

  private constructor(path: string, size: number, handle: FileHandle) {
    this.path = path;
    this.size = size;
    this.#handle = handle;
  }

  /** @throws EngineError 'file' if there is no readable file at `path`. */
  static async open(path: string): Promise<RandomAccessFile> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, 'r');
      const status = await handle.stat();
      if (!status.isFile()) throw new Error('it is not a regular file');
      return new RandomAccessFile(path, status.size, handle);
    } catch (cause) {
      await handle?.close();
      throw new EngineError('file', `Could not read ${path}: ${reasonOf(cause)}`, { file: path }, { cause });
    }
  }

  /** Fills `target` from `position` on. @throws EngineError 'truncated-file' if the file is too short. */
  async readInto(target: Uint8Array, position: number): Promise<void> {
    let done = 0;
    while (done < target.length) {
      const length = Math.min(target.length - done, READ_BYTES);
      const { bytesRead } = await this.#handle.read(target, done, length, position + done);
      if (bytesRead === 0) {
        throw truncated(this.path, `${position + target.length} bytes`, `${position + done} bytes`);
      }
      done += bytesRead;
    }
  }

  /** `length` bytes in a new buffer, so that typed arrays over it are aligned. */
  async read(position: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    await this.readInto(bytes, position);
    return bytes;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

export function truncated(file: string, expected: string, found: string, tensor?: string): EngineError {
  const of = tensor === undefined ? '' : ` (tensor ${tensor})`;
  return new EngineError(
    'truncated-file',
    `${file} is cut short${of}: expected ${expected}, found ${found}. Copy or download the file again.`,
    { file, tensor, expected, found },
  );
}

export function missingTensor(file: string, tensor: string, hint = ''): EngineError {
  return new EngineError('missing-tensor', `${file} has no tensor "${tensor}".${hint}`, {
    file,
    tensor,
    expected: tensor,
    found: 'nothing',
  });
}

/**
 * Refuses a number of layers that the tensors cannot be enough for, before anything is made for each of them.
 * @param file that states the number
 */
export function requireTensorsForLayers(file: string, { layers }: Pick<ModelConfig, 'layers'>, tensors: number): void {
  if (layers <= tensors) return;
  throw new EngineError(
    'missing-tensor',
    `${file} says that the model has ${layers} layers, but there are only ${tensors} tensors. One of the two is damaged: copy or download the model again.`,
    { file, expected: `tensors for ${layers} layers`, found: `${tensors} tensors` },
  );
}

/** Refuses the small text file that Git leaves in place of a large one that was not fetched. */
export function refuseLfsPointer(file: string, beginning: Uint8Array): void {
  if (Buffer.from(beginning).toString('latin1').startsWith('version ')) {
    throw new EngineError(
      'file',
      `${file} is a Git LFS pointer, not the file itself. Run "git lfs pull" in its folder or download the file.`,
      { file, expected: 'weights', found: 'Git LFS pointer' },
    );
  }
}
