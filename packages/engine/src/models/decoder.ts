/**
 * The decoder as graph pieces: a layer, and the head. The same layer serves training (whole sequences) and generation
 * (new tokens against a cache). Differences between families are its features (`Features`); this file names no
 * family.
 */
import type { Graph, Value } from '../graph/graph.js';
import { add, multiply, scalarLike } from '../graph/ops/elementwise.js';
import { gatherRows } from '../graph/ops/layout.js';
import { linear, matmul } from '../graph/ops/linear.js';
import { reshape } from '../graph/ops/reshape.js';
import { rmsNorm } from '../graph/ops/rms-norm.js';
import { geglu, swiglu } from '../graph/ops/transformer.js';
import { featuresOf } from './architectures/index.js';
import type { Attention } from './attention.js';
import type { ModelConfig } from './config.js';
import { layerParameterShapes } from './parameters.js';
import { MASKED } from './positions.js';

/** The parameters of one layer in a graph, by their names in the layer. */
export interface LayerWeights {
  value(name: string): Value;
  /** x W^T for the matrix W of that name. */
  product(x: Value, name: string): Value;
}

/** A layer whose parameters are inputs of the graph, by their names with `prefix`. */
export function declareLayer(graph: Graph, config: ModelConfig, prefix: string): LayerWeights {
  const values = new Map<string, Value>();
  for (const [name, shape] of layerParameterShapes(config))
    values.set(name, graph.input(`${prefix}${name}`, 'float32', shape));
  const value = (name: string) => values.get(name) as Value;
  return { value, product: (x, name) => linear(x, value(name)) };
}

/**
 * One decoder layer: hidden [N, hiddenSize] to the same (of the tokens that ask), and what else its attention gives.
 */
export function decoderLayer<Attended extends { mixed: Value }>(
  config: ModelConfig,
  hidden: Value,
  weights: LayerWeights,
  { rows, asking, attend }: Attention<Attended>,
): Omit<Attended, 'mixed'> & { hidden: Value } {
  const { heads, keyValueHeads } = config;
  const { activation, attentionBias, outputNorms, queryKeyNorm } = featuresOf(config);
  const norm = (x: Value, name: string) => normalised(config, x, weights.value(`${name}.weight`));
  const project = (x: Value, path: string) => projection(config, x, weights, path);
  const normed = norm(hidden, 'input_layernorm');
  const ask = (x: Value) => (asking ? gatherRows(x, asking.tokens) : x);
  const toHeads = (x: Value, name: string) => {
    const projected = project(x, `self_attn.${name}_proj`);
    return attentionBias ? add(projected, weights.value(`self_attn.${name}_proj.bias`)) : projected;
  };
  const headNorm = (x: Value, name: string) => (queryKeyNorm ? norm(x, `self_attn.${name}_norm`) : x);
  const byHead = (x: Value, count: number, of = rows) => reshape(x, [...of, count, config.headSize]);
  const { mixed, ...others } = attend({
    queries: byHead(headNorm(toHeads(ask(normed), 'q'), 'q'), heads, asking?.rows),
    keys: byHead(headNorm(toHeads(normed, 'k'), 'k'), keyValueHeads),
    values: byHead(toHeads(normed, 'v'), keyValueHeads),
  });
  const attended = project(mixed, 'self_attn.o_proj');
  const afterAttention = add(ask(hidden), outputNorms ? norm(attended, 'post_attention_layernorm') : attended);

  const normedAgain = norm(afterAttention, outputNorms ? 'pre_feedforward_layernorm' : 'post_attention_layernorm');
  const unit = activation === 'gelu-tanh' ? geglu : swiglu;
  const gated = project(
    unit(project(normedAgain, 'mlp.gate_proj'), project(normedAgain, 'mlp.up_proj')),
    'mlp.down_proj',
  );
  const added = outputNorms ? norm(gated, 'post_feedforward_layernorm') : gated;
  return { hidden: add(afterAttention, added), ...others };
}

/** x [N, pieces x size], normalised in pieces as large as `weight` ([size]). */
function normalised(config: ModelConfig, x: Value, weight: Value): Value {
  const factors = featuresOf(config).normsAroundOne ? add(weight, scalarLike(weight, 1)) : weight;
  return rmsNorm(x, factors, config.rmsNormEpsilon);
}

/**
 * x W^T for the weight of `path` and, if it is adapted, + (alpha / rank) x A^T B^T. The low-rank product is computed
 * separately from W rather than merged into it, because a merged copy would hold the adapted weights twice.
 */
function projection({ adapter }: ModelConfig, x: Value, weights: LayerWeights, path: string): Value {
  const whole = weights.product(x, `${path}.weight`);
  if (!adapter?.targets.some((target) => path.endsWith(`.${target}`))) return whole;
  const narrow = linear(x, weights.value(`${path}.lora_A.weight`));
  const alpha = adapter.alpha / adapter.rank;
  return add(whole, matmul(narrow, weights.value(`${path}.lora_B.weight`), { transposeB: true, alpha }));
}

/**
 * Final norm and unembedding: hidden [M, hiddenSize] to logits [M, vocabularySize], multiplied by the inverse
 * temperature (a scalar, or [M, 1] with one for each row).
 *
 * @param unembed the product with the unembedding
 */
export function head(
  config: ModelConfig,
  hidden: Value,
  norm: Value,
  unembed: (x: Value) => Value,
  inverseTemperature: Value,
): Value {
  return multiply(unembed(normalised(config, hidden, norm)), inverseTemperature);
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
