/** Sets of a model's parameters (weights, gradients, moments), float32, by Hugging Face name. */
import { type ModelConfig, parameterShapes } from './config.js';

export type ParameterSet = Map<string, Float32Array>;

export function zeroParameters(config: ModelConfig): ParameterSet {
  const set: ParameterSet = new Map();
  for (const [name, shape] of parameterShapes(config))
    set.set(name, new Float32Array(shape.reduce((a, b) => a * b, 1)));
  return set;
}

export function copyParameters(set: ParameterSet): ParameterSet {
  return new Map([...set].map(([name, data]) => [name, data.slice()]));
}

/** target += addend */
export function addTo(target: Float32Array, addend: Float32Array): void {
  for (let i = 0; i < target.length; i++) target[i] += addend[i];
}

/** Rows of `table` ([V, width]) for `ids`, one below the other: [ids.length, width]. */
export function lookUp(table: Float32Array, ids: Int32Array, width: number): Float32Array {
  const rows = new Float32Array(ids.length * width);
  for (let i = 0; i < ids.length; i++) {
    rows.set(table.subarray(ids[i] * width, (ids[i] + 1) * width), i * width);
  }
  return rows;
}

/** Adds row i of `rows` to row ids[i] of `table`, in order: the gradient of `lookUp`. */
export function addRows(table: Float32Array, ids: ArrayLike<number>, rows: Float32Array, width: number): void {
  for (let i = 0; i < ids.length; i++) {
    const to = ids[i] * width;
    const from = i * width;
    for (let j = 0; j < width; j++) table[to + j] += rows[from + j];
  }
}
