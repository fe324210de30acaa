/** Weights in int8, for sampling: a matrix of whole numbers, with a factor for each output. */
import type { ModelConfig } from './config.js';
import { unembeddingName } from './decoder.js';
import { type ParameterSet, parameterShapes } from './parameters.js';

/**
 * Largest whole number. Processors without integer dot products (AVX2) add pairs of products in 16 bits, of which one
 * is at most 255 x 64: with numbers up to 127, sums would be cut off there, and results depend on the machine.
 */
const LARGEST = 64;

export interface Int8Matrix {
  /** [in, out], as the runtime multiplies by it. */
  values: Int8Array;
  /** [out] */
  scales: Float32Array;
  shape: readonly [input: number, out: number];
}

/** By the names of the float32 weights. */
export type Int8Set = ReadonlyMap<string, Int8Matrix>;

/** Whether sampling in int8 rounds the weight: projections, and the unembedding; not norms, biases and adapters. */
export function isRounded(config: ModelConfig, name: string): boolean {
  return name.endsWith('_proj.weight') || name === unembeddingName(config);
}

export function roundedWeights(config: ModelConfig, weights: ParameterSet): Int8Set {
  const matrices = new Map<string, Int8Matrix>();
  for (const [name, shape] of parameterShapes(config)) {
    if (isRounded(config, name)) matrices.set(name, roundedMatrix(weights.get(name) as Float32Array, shape));
  }
  return matrices;
}

/** @param weight [out, in] */
function roundedMatrix(weight: Float32Array, [out, input]: readonly number[]): Int8Matrix {
  const values = new Int8Array(weight.length);
  const scales = new Float32Array(out);
  for (let row = 0; row < out; row++) {
    const from = row * input;
    let most = 0;
    for (let i = from; i < from + input; i++) most = Math.max(most, Math.abs(weight[i]));
    const factor = most > 0 ? LARGEST / most : 0;
    scales[row] = most / LARGEST;
    for (let i = 0; i < input; i++) values[i * out + row] = Math.round(weight[from + i] * factor);
  }
  return { values, scales, shape: [input, out] };
}
