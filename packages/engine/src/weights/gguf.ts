/** A GGUF file's tensors under the file's own names, dequantised. gguf-model.ts maps them to a model. */

import { EngineError } from '../errors.js';
import { elementCount } from '../shape.js';
import { BLOCK_FORMATS } from './dequantise.js';
import { type GgufHeader, type GgufTensorRecord, type GgufValue, readGgufHeader } from './gguf-header.js';
import { missingTensor, RandomAccessFile, type TensorEntry, type TensorSource, truncated } from './tensor-source.js';

/** ggml's types by number (`enum ggml_type` of ggml.h), so that error messages can name them. */
const TYPE_NAMES: Readonly<Record<number, string>> = {
  0: 'F32',
  1: 'F16',
  2: 'Q4_0',
  3: 'Q4_1',
  6: 'Q5_0',
  7: 'Q5_1',
  8: 'Q8_0',
  9: 'Q8_1',
  10: 'Q2_K',
  11: 'Q3_K',
  12: 'Q4_K',
  13: 'Q5_K',
  14: 'Q6_K',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  20: 'IQ4_NL',
  21: 'IQ3_S',
  22: 'IQ2_S',
  23: 'IQ4_XS',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  29: 'IQ1_M',
  30: 'BF16',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
};

/** Number of values to dequantise at a time: a multiple of every block size. */
const CHUNK = 1 << 22;

interface Entry extends TensorEntry {
  begin: number;
}

export class GgufFile implements TensorSource {
  readonly path: string;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly entries: ReadonlyMap<string, Entry>;
  readonly #file: RandomAccessFile;

  private constructor(file: RandomAccessFile, header: GgufHeader, entries: Map<string, Entry>) {
    this.#file = file;
    this.path = file.path;
    this.metadata = header.metadata;
    this.entries = entries;
  }

  /**
   * Reads and checks the header. Tensors of unsupported types are refused only when they are read.
   * @throws EngineError 'truncated-file', 'file' or 'unsupported' naming file, tensor, expected and found.
   */
  static async open(path: string): Promise<GgufFile> {
    const file = await RandomAccessFile.open(path);
    try {
      const header = await readGgufHeader(file);
      const entries = new Map<string, Entry>();
      for (const record of header.tensors) entries.set(record.name, checkTensor(file, record));
      return new GgufFile(file, header, entries);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async read(name: string): Promise<Float32Array<ArrayBuffer>> {
    const entry = this.entries.get(name);
    if (entry === undefined) throw missingTensor(this.path, name);
    const format = BLOCK_FORMATS[entry.dtype];
    if (format === undefined) {
      const known = Object.keys(BLOCK_FORMATS).join(', ');
      throw new EngineError(
        'unsupported',
        `Tensor "${name}" of ${this.path} is of type ${entry.dtype}; the engine reads ${known}. ` +
          'Use a file with another quantisation (Q8_0 loses least) or the original safetensors.',
        { file: this.path, tensor: name, expected: known, found: entry.dtype },
      );
    }
    const values = new Float32Array(elementCount(entry.shape));
    for (let done = 0; done < values.length; done += CHUNK) {
      const count = Math.min(CHUNK, values.length - done);
      const position = entry.begin + (done / format.blockValues) * format.blockBytes;
      const bytes = await this.#file.read(position, (count / format.blockValues) * format.blockBytes);
      format.dequantise(bytes, values.subarray(done, done + count), count);
    }
    return values;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

function checkTensor(file: RandomAccessFile, record: GgufTensorRecord): Entry {
  const { name, shape, begin } = record;
  const dtype = TYPE_NAMES[record.type] ?? `type ${record.type}`;
  const format = BLOCK_FORMATS[dtype];
  let bytes = 0;
  if (format !== undefined) {
    // A row, the fastest dimension, is a whole number of blocks.
    if (shape.length === 0 || shape[shape.length - 1] % format.blockValues !== 0) {
      throw new EngineError(
        'file',
        `${file.path} is damaged: tensor "${name}" of type ${dtype} should have rows of a multiple of ` +
          `${format.blockValues} values, found shape [${shape.join(', ')}]. Copy or download the file again.`,
        { file: file.path, tensor: name, expected: `a multiple of ${format.blockValues}`, found: shape.join(', ') },
      );
    }
    bytes = (elementCount(shape) / format.blockValues) * format.blockBytes;
  }
  if (begin + bytes > file.size) throw truncated(file.path, `${begin + bytes} bytes`, `${file.size} bytes`, name);
  return { name, file: file.path, dtype, shape, begin };
}
