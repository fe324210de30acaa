/**
 * Low-rank adapters (LoRA, arXiv 2106.09685): next to a frozen projection W [out, in] there are A [rank, in] and B
 * [out, rank], and x W^T becomes x W^T + (alpha / rank) x A^T B^T. Only A and B are trained.
 */
import { EngineError } from '../errors.js';
import { showJson } from '../json.js';
import { hashSeed, Random } from '../random.js';
import { elementCount } from '../shape.js';
import type { Adapter, ModelConfig } from './config.js';
import { layerParameterShapes, type ParameterSet, parameterShapes } from './parameters.js';

/** A new adapter, or a saved one. */
export type AdapterOptions = {
  /** How saved adapters name their base; default: the model's path. */
  base?: string;
} & (
  | {
      rank: number;
      /** Default: twice the rank. */
      alpha?: number;
      /** Projections to adapt, such as `q_proj`; default: all of a layer's. */
      targets?: readonly string[];
      /** Seed of the random A; default 0. */
      seed?: number;
      path?: undefined;
    }
  | {
      /** A folder in PEFT's format, made for this model. */
      path: string;
      rank?: undefined;
    }
);

export function withoutAdapter({ adapter: _, ...config }: ModelConfig): ModelConfig {
  return config;
}

/** Paths of a layer's projections, such as `self_attn.q_proj`, in the order of the forward pass, with [out, in]. */
export function projections(config: ModelConfig): Map<string, [number, number]> {
  const found = new Map<string, [number, number]>();
  for (const [name, [out, input]] of layerParameterShapes(withoutAdapter(config))) {
    if (name.endsWith('_proj.weight')) found.set(name.slice(0, -'.weight'.length), [out, input]);
  }
  return found;
}

/** The last part of a projection's path, which is its name among targets. */
export function targetOf(projection: string): string {
  return projection.slice(projection.lastIndexOf('.') + 1);
}

/**
 * The adapter's shape with its defaults.
 * @throws EngineError 'invalid-argument' if a number is out of range, or a target is not a projection of the model.
 */
export function adapterOf(
  config: ModelConfig,
  { rank, alpha = 2 * rank, targets }: { rank: number; alpha?: number; targets?: readonly string[] },
): Adapter {
  const known = [...projections(config).keys()].map(targetOf);
  const refuse = (message: string, expected: string, found: unknown) =>
    new EngineError('invalid-argument', message, { expected, found: showJson(found) });
  if (!(Number.isSafeInteger(rank) && rank >= 1)) {
    throw refuse(`The adapter's rank must be a whole number of at least 1, found ${rank}.`, 'at least 1', rank);
  }
  if (!(alpha > 0 && Number.isFinite(alpha))) {
    throw refuse(`The adapter's alpha must be a finite number above 0, found ${alpha}.`, 'above 0', alpha);
  }
  if (targets?.length === 0) {
    throw refuse(
      `The adapter has no targets, so there would be nothing to train. Name some of ${known.join(', ')}, or omit the targets to adapt all of them.`,
      known.join(', '),
      targets,
    );
  }
  const unknown = targets?.find((target) => !known.includes(target));
  if (unknown !== undefined) {
    throw refuse(
      `The adapter's target "${unknown}" is not a projection of a ${config.architecture} layer. Choose from ${known.join(', ')}.`,
      known.join(', '),
      unknown,
    );
  }
  const wanted = known.filter((target) => targets?.includes(target) ?? true);
  const [[narrowest, [out, input]]] = [...projections(config)]
    .filter(([path]) => wanted.includes(targetOf(path)))
    .sort(([, a], [, b]) => Math.min(...a) - Math.min(...b));
  const largest = Math.min(out, input);
  if (rank > largest) {
    throw refuse(
      `The adapter's rank ${rank} is larger than ${targetOf(narrowest)}, which is ${out} x ${input}: a rank above ${largest} adds parameters but no freedom. Use ${largest} or less.`,
      `at most ${largest}`,
      rank,
    );
  }
  return { rank, alpha, targets: wanted };
}

/**
 * A new adapter: A uniform within 1 / sqrt(in) of 0, as PEFT draws it (Kaiming with a = sqrt(5)), and B zero, so that
 * the model begins as its base. Equal seeds give equal adapters.
 */
export function newAdapter(config: ModelConfig, seed: number): ParameterSet {
  const parameters: ParameterSet = new Map();
  const stream = new Random(seed).uint32();
  for (const [name, shape] of adapterShapes(config)) {
    const values = new Float32Array(elementCount(shape));
    if (name.endsWith('lora_A.weight')) {
      const random = new Random(hashSeed(seed, stream, ...Buffer.from(name, 'utf8')));
      const bound = 1 / Math.sqrt(shape[1]);
      for (let i = 0; i < values.length; i++) values[i] = bound * (2 * random.uniform() - 1);
    }
    parameters.set(name, values);
  }
  return parameters;
}

/** Names and shapes of all layers' A and B; empty without an adapter. */
export function adapterShapes(config: ModelConfig): Map<string, number[]> {
  return new Map([...parameterShapes(config)].filter(([name]) => isAdapterParameter(name)));
}

export function isAdapterParameter(name: string): boolean {
  return name.endsWith('.lora_A.weight') || name.endsWith('.lora_B.weight');
}

/** What training changes: the adapter, or everything if there is none. */
export function trainedShapes(config: ModelConfig): Map<string, number[]> {
  return config.adapter ? adapterShapes(config) : parameterShapes(config);
}

/** Whether the adapter changes nothing, because every B is zero. */
export function isNeutral(adapter: ParameterSet): boolean {
  for (const [name, values] of adapter) {
    if (name.endsWith('lora_B.weight') && values.some((value) => value !== 0)) return false;
  }
  return true;
}

/**
 * W + (alpha / rank) B A for an adapted projection, summed in float64 and rounded once; any other weight as it is.
 *
 * @param name of a parameter of the base model
 */
export function mergedWeight(
  config: ModelConfig,
  base: ParameterSet,
  adapter: ParameterSet,
  name: string,
): Float32Array | undefined {
  const weight = base.get(name);
  const path = name.slice(0, -'.weight'.length);
  const [a, b] = [adapter.get(`${path}.lora_A.weight`), adapter.get(`${path}.lora_B.weight`)];
  if (!weight || !a || !b || !config.adapter) return weight;
  const { rank, alpha } = config.adapter;
  const input = a.length / rank;
  const merged = new Float32Array(weight.length);
  const row = new Float64Array(input);
  for (let start = 0, out = 0; start < weight.length; start += input, out++) {
    row.set(weight.subarray(start, start + input));
    for (let k = 0; k < rank; k++) {
      const factor = (alpha / rank) * b[out * rank + k];
      const from = k * input;
      for (let i = 0; i < input; i++) row[i] += factor * a[from + i];
    }
    merged.set(row, start);
  }
  return merged;
}
