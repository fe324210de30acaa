/**
 * The decoder as graph pieces: a layer, and the head. The same layer serves training (whole sequences) and generation (new
 * tokens against a cache). Differences between families are features of the layer (`LayerFeatures`); this file names no
 * family.
 */
import type { Graph, Value } from '../graph/graph.js';
import { add, multiply } from '../graph/ops/elementwise.js';
import { linear } from '../graph/ops/linear.js';
import { reshape } from '../graph/ops/reshape.js';
import { rmsNorm } from '../graph/ops/rms-norm.js';
import { swiglu } from '../graph/ops/transformer.js';
import { featuresOf } from './architectures/index.js';
import type { Attention } from './attention.js';
import type { ModelConfig } from './config.js';
import { layerParameterShapes } from './parameters.js';
import { MASKED } from './positions.js';

/** Inputs for the parameters of one layer, by their names with `prefix`. */
export function declareLayer(graph: Graph, config: ModelConfig, prefix: string): (name: string) => Value {
  const inputs = new Map<string, Value>();
  for (const [name, shape] of layerParameterShapes(config)) {
    inputs.set(name, graph.input(`${prefix}${name}`, 'float32', shape));
  }
  return (name) => inputs.get(name) as Value;
}

/** One decoder layer: hidden [N, hiddenSize] to the same, and whatever else its attention gives. */
export function decoderLayer<Attended extends { mixed: Value }>(
  config: ModelConfig,
  hidden: Value,
  weight: (name: string) => Value,
  { rows, attend }: Attention<Attended>,
): Omit<Attended, 'mixed'> & { hidden: Value } {
  const { heads, keyValueHeads, rmsNormEpsilon: epsilon } = config;
  const normed = rmsNorm(hidden, weight('input_layernorm.weight'), epsilon);
  const project = (name: string) => linear(normed, weight(`self_attn.${name}_proj.weight`));
  const headNorm = (x: Value, name: string) =>
    featuresOf(config).queryKeyNorm ? rmsNorm(x, weight(`self_attn.${name}_norm.weight`), epsilon) : x;
  const byHead = (x: Value, count: number) => reshape(x, [...rows, count, config.headSize]);
  const { mixed, ...others } = attend({
    queries: byHead(headNorm(project('q'), 'q'), heads),
    keys: byHead(headNorm(project('k'), 'k'), keyValueHeads),
    values: byHead(project('v'), keyValueHeads),
  });
  const afterAttention = add(hidden, linear(mixed, weight('self_attn.o_proj.weight')));

  const normedAgain = rmsNorm(afterAttention, weight('post_attention_layernorm.weight'), epsilon);
  const gated = swiglu(
    linear(normedAgain, weight('mlp.gate_proj.weight')),
    linear(normedAgain, weight('mlp.up_proj.weight')),
  );
  return { hidden: add(afterAttention, linear(gated, weight('mlp.down_proj.weight'))), ...others };
}

/**
 * Final norm and unembedding: hidden [M, hiddenSize] to logits [M, vocabularySize], multiplied by the inverse
 * temperature (a scalar, or [M, 1] with one for each row).
 */
export function head(
  config: ModelConfig,
  hidden: Value,
  norm: Value,
  unembedding: Value,
  inverseTemperature: Value,
): Value {
  return multiply(linear(rmsNorm(hidden, norm, config.rmsNormEpsilon), unembedding), inverseTemperature);
}

/** Added to the logits [M, V]: takes the masked tokens out of the distribution. [V] */
export function tokenBias(config: ModelConfig, maskedIds: readonly number[]): Float32Array {
  const bias = new Float32Array(config.vocabularySize);
  for (const id of maskedIds) bias[id] = MASKED;
  return bias;
}

/** Name of the unembedding's parameter. */
export function unembeddingName(config: ModelConfig): string {
  return config.tieWordEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
}
