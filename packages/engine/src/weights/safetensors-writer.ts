/** Writes safetensors files, converted to a 16-bit format if requested. See safetensors.ts for the format. */

import { EngineError } from '../errors.js';
import { elementCount } from '../shape.js';
import { writeFileAtomic } from './atomic.js';
import { BYTES_PER_VALUE, encodeBfloat16, encodeFloat16, type FloatDtype } from './dtype.js';

/** Number of values to convert at a time; limits the memory in addition to the weights. */
const BLOCK = 1 << 22;

/** A tensor to write: `values` in row-major order. */
export interface NamedTensor {
  name: string;
  shape: readonly number[];
  values: Float32Array;
}

/** A tensor whose values are made when they are written. */
export interface LazyTensor {
  name: string;
  shape: readonly number[];
  values: () => Float32Array;
}

export interface SafetensorsOptions {
  /** Type of all tensors; default F32. */
  dtype?: FloatDtype;
  /** Text under `__metadata__`; default `{ format: 'pt' }`, which transformers requires. */
  metadata?: Readonly<Record<string, string>>;
}

/**
 * The bytes of a safetensors file, piece by piece. `file` is for messages only.
 * @throws EngineError 'tensor-shape' if a shape does not fit its values; 'non-finite-weights' if a finite value exceeds
 *   the range of the dtype.
 */
export function* safetensorsBytes(
  tensors: readonly (NamedTensor | LazyTensor)[],
  options: SafetensorsOptions = {},
  file = 'the safetensors file',
): Generator<Uint8Array> {
  const { dtype = 'F32', metadata = { format: 'pt' } } = options;
  const header: Record<string, unknown> = { __metadata__: metadata };
  let position = 0;
  for (const { name, shape, values } of tensors) {
    if (typeof values !== 'function') requireSize(name, shape, values);
    const end = position + elementCount(shape) * BYTES_PER_VALUE[dtype];
    header[name] = { dtype, shape, data_offsets: [position, end] };
    position = end;
  }
  const json = Buffer.from(JSON.stringify(header), 'utf8');
  // Spaces after the header align the data to 8 bytes.
  const padded = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ');
  padded.writeBigUInt64LE(BigInt(padded.length - 8));
  json.copy(padded, 8);
  yield padded;
  for (const { name, shape, values } of tensors) {
    const made = typeof values === 'function' ? values() : values;
    requireSize(name, shape, made);
    yield* tensorBytes(name, made, dtype, file);
  }
}

function requireSize(name: string, shape: readonly number[], values: Float32Array): void {
  const size = elementCount(shape);
  if (size === values.length) return;
  throw new EngineError(
    'tensor-shape',
    `Tensor "${name}" has ${values.length} values, but its shape [${shape.join(', ')}] needs ${size}.`,
    { tensor: name, expected: `${size} values`, found: `${values.length} values` },
  );
}

function* tensorBytes(name: string, values: Float32Array, dtype: FloatDtype, file: string): Generator<Uint8Array> {
  if (dtype === 'F32') {
    yield new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    return;
  }
  for (let done = 0; done < values.length; done += BLOCK) {
    const source = values.subarray(done, done + BLOCK);
    const target = new Uint16Array(source.length);
    if (dtype === 'BF16') encodeBfloat16(source, target);
    else encodeFloat16(source, target);
    refuseOverflow(name, source, target, dtype, file, done);
    yield new Uint8Array(target.buffer);
  }
}

function refuseOverflow(
  name: string,
  source: Float32Array,
  target: Uint16Array,
  dtype: FloatDtype,
  file: string,
  offset: number,
): void {
  const infinity = dtype === 'F16' ? 0x7c00 : 0x7f80;
  let index = 0;
  while (index < target.length && ((target[index] & 0x7fff) !== infinity || !Number.isFinite(source[index]))) index++;
  if (index === target.length) return;
  throw new EngineError(
    'non-finite-weights',
    `Tensor "${name}" can't be written to ${file} as ${dtype}: value ${source[index]} at index ${offset + index} is ` +
      `out of range. Save the model as ${dtype === 'F16' ? 'BF16 or F32' : 'F32'}.`,
    { file, tensor: name, expected: `values within the range of ${dtype}`, found: String(source[index]) },
  );
}

/** Writes a safetensors file atomically. @throws as {@link safetensorsBytes}, and 'file' if the system refuses. */
export async function writeSafetensors(
  path: string,
  tensors: readonly NamedTensor[],
  options: SafetensorsOptions = {},
): Promise<void> {
  await writeFileAtomic(path, safetensorsBytes(tensors, options, path));
}
