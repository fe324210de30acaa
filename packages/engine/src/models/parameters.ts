/** A model's parameters: their names and shapes, and sets of them (weights, gradients, moments) in float32. */
import { elementCount } from '../shape.js';
import { featuresOf } from './architectures/index.js';
import type { Adapter, ModelConfig } from './config.js';

/** Names of a layer's parameters without the prefix `model.layers.N.`, with shapes ([out, in] for matrices). */
export function layerParameterShapes(config: ModelConfig): Map<string, number[]> {
  const { hiddenSize, intermediateSize, heads, keyValueHeads, headSize } = config;
  const shapes = new Map<string, number[]>();
  const { attentionBias, outputNorms, queryKeyNorm } = featuresOf(config);
  shapes.set('input_layernorm.weight', [hiddenSize]);
  for (const [name, count] of [
    ['q', heads],
    ['k', keyValueHeads],
    ['v', keyValueHeads],
  ] as const) {
    shapes.set(`self_attn.${name}_proj.weight`, [count * headSize, hiddenSize]);
    if (attentionBias) shapes.set(`self_attn.${name}_proj.bias`, [count * headSize]);
  }
  if (queryKeyNorm) {
    shapes.set('self_attn.q_norm.weight', [headSize]);
    shapes.set('self_attn.k_norm.weight', [headSize]);
  }
  shapes.set('self_attn.o_proj.weight', [hiddenSize, heads * headSize]);
  shapes.set('post_attention_layernorm.weight', [hiddenSize]);
  if (outputNorms) shapes.set('pre_feedforward_layernorm.weight', [hiddenSize]);
  shapes.set('mlp.gate_proj.weight', [intermediateSize, hiddenSize]);
  shapes.set('mlp.up_proj.weight', [intermediateSize, hiddenSize]);
  shapes.set('mlp.down_proj.weight', [hiddenSize, intermediateSize]);
  if (outputNorms) shapes.set('post_feedforward_layernorm.weight', [hiddenSize]);
  return config.adapter ? withLowRankPairs(shapes, config.adapter) : shapes;
}

/** Each adapted projection [out, in] with its A [rank, in] and B [out, rank], by PEFT's names. */
function withLowRankPairs(shapes: Map<string, number[]>, { rank, targets }: Adapter): Map<string, number[]> {
  const all = new Map<string, number[]>();
  for (const [name, shape] of shapes) {
    all.set(name, shape);
    const path = name.slice(0, -'.weight'.length);
    if (!targets.some((target) => name.endsWith(`.${target}.weight`))) continue;
    all.set(`${path}.lora_A.weight`, [rank, shape[1]]);
    all.set(`${path}.lora_B.weight`, [shape[0], rank]);
  }
  return all;
}

/** Every parameter by its Hugging Face name, in the order of the forward pass. */
export function parameterShapes(config: ModelConfig): Map<string, number[]> {
  const shapes = new Map<string, number[]>();
  shapes.set('model.embed_tokens.weight', [config.vocabularySize, config.hiddenSize]);
  const layerShapes = layerParameterShapes(config);
  for (let layer = 0; layer < config.layers; layer++) {
    for (const [name, shape] of layerShapes) shapes.set(`model.layers.${layer}.${name}`, shape);
  }
  shapes.set('model.norm.weight', [config.hiddenSize]);
  if (!config.tieWordEmbeddings) shapes.set('lm_head.weight', [config.vocabularySize, config.hiddenSize]);
  return shapes;
}

export function parameterCount(config: ModelConfig): number {
  let count = 0;
  for (const shape of parameterShapes(config).values()) count += elementCount(shape);
  return count;
}

/** Parameters by Hugging Face name. */
export type ParameterSet = Map<string, Float32Array>;

export function zeroParameters(shapes: ReadonlyMap<string, readonly number[]>): ParameterSet {
  const set: ParameterSet = new Map();
  for (const [name, shape] of shapes) set.set(name, new Float32Array(elementCount(shape)));
  return set;
}

export function copyParameters(set: ParameterSet): ParameterSet {
  return new Map([...set].map(([name, data]) => [name, data.slice()]));
}

/** target += addend */
export function addTo(target: Float32Array, addend: Float32Array): void {
  for (let i = 0; i < target.length; i++) target[i] += addend[i];
}

/** The rows of `table` ([V, width]) for `ids`: [ids.length, width]. */
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
