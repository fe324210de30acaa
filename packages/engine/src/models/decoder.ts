/**
 * The decoder of Qwen3 and Llama as graph pieces: a layer, the head, and the attention inside. The same layer serves training
 * (whole sequences) and generation (new tokens against a cache).
 */
import type { Dimension, Graph, Value } from '../graph/graph.js';
import { add, less, lessOrEqual, multiply, scalarLike, where } from '../graph/ops/elementwise.js';
import { concat, reshape, splitLike, transpose } from '../graph/ops/layout.js';
import { linear, matmul } from '../graph/ops/linear.js';
import { attention, rmsNorm, rotaryEmbedding, softmax, swiglu } from '../graph/ops/transformer.js';
import { hasQueryKeyNorm, layerParameterShapes, type ModelConfig } from './config.js';

/** Added to scores that may not be attended to: exp of it is exactly 0 in float32. */
const MASKED = -1e9;

/** Positions of the B x T tokens of a run and what each may attend to. */
export interface Positions {
  /** int64 [B, T] */
  positions: Value;
  /** [positions, headSize / 2] */
  cosine: Value;
  sine: Value;
  /** Added to the scores of the new tokens among themselves: float32 [1, 1, T, T]. */
  causalBias: Value;
  /** Added to the scores against the cache: float32 [B, 1, 1, P]. */
  cacheBias?: Value;
}

/** Keys and values of earlier tokens, [B, keyValueHeads, P, headSize] each. */
export interface LayerCache {
  keys: Value;
  values: Value;
}

/** Declares the inputs that say where tokens stand; with `cached`, also how much of the cache each sequence uses. */
export function declarePositions(graph: Graph, config: ModelConfig, cached: boolean): Positions {
  const positions = graph.input('positions', 'int64', ['B', 'T']);
  // 0 .. T-1; the causal rule compares these, so that padding at the end is never attended to by real tokens.
  const order = graph.input('order', 'int64', ['T']);
  const half = config.headSize / 2;
  const cosine = graph.input('cosine', 'float32', ['S', half]);
  const sine = graph.input('sine', 'float32', ['S', half]);
  const causalBias = bias(lessOrEqual(reshape(order, [1, 1, 1, 'T']), reshape(order, [1, 1, 'T', 1])));
  if (!cached) return { positions, cosine, sine, causalBias };
  const pastOrder = graph.input('pastOrder', 'int64', ['P']);
  const pastLengths = graph.input('pastLengths', 'int64', ['B']);
  const cacheBias = bias(less(reshape(pastOrder, [1, 1, 1, 'P']), reshape(pastLengths, ['B', 1, 1, 1])));
  return { positions, cosine, sine, causalBias, cacheBias };
}

function bias(allowed: Value): Value {
  return where(allowed, scalarLike(allowed, 0), scalarLike(allowed, MASKED));
}

/** Inputs for the parameters of one layer, by their names with `prefix`. */
export function declareLayer(graph: Graph, config: ModelConfig, prefix: string): (name: string) => Value {
  const inputs = new Map<string, Value>();
  for (const [name, shape] of layerParameterShapes(config)) {
    inputs.set(name, graph.input(`${prefix}${name}`, 'float32', shape));
  }
  return (name) => inputs.get(name) as Value;
}

/**
 * One decoder layer: hidden [N, hiddenSize] to the same, N = B x T.
 * Also the keys and values of these tokens, [B, keyValueHeads, T, headSize], for a cache.
 */
export function decoderLayer(
  config: ModelConfig,
  hidden: Value,
  weight: (name: string) => Value,
  at: Positions,
  cache?: LayerCache,
): { hidden: Value; keys: Value; values: Value } {
  const { headSize, heads, keyValueHeads, rmsNormEpsilon: epsilon } = config;
  const normed = rmsNorm(hidden, weight('input_layernorm.weight'), epsilon);
  const project = (name: string, count: number) =>
    reshape(linear(normed, weight(`self_attn.${name}_proj.weight`)), ['B', 'T', count, headSize]);
  const byHead = (x: Value) => transpose(x, [0, 2, 1, 3]);
  const rotate = (x: Value) => rotaryEmbedding(byHead(x), at.positions, at.cosine, at.sine);
  const headNorm = (x: Value, name: string) =>
    hasQueryKeyNorm(config) ? rmsNorm(x, weight(`self_attn.${name}_norm.weight`), epsilon) : x;

  const queries = rotate(headNorm(project('q', heads), 'q'));
  const keys = rotate(headNorm(project('k', keyValueHeads), 'k'));
  const values = byHead(project('v', keyValueHeads));
  const attended = groupedAttention(config, queries, keys, values, at, cache);
  const joined = reshape(byHead(attended), ['N', heads * headSize]);
  const afterAttention = add(hidden, linear(joined, weight('self_attn.o_proj.weight')));

  const normedAgain = rmsNorm(afterAttention, weight('post_attention_layernorm.weight'), epsilon);
  const gated = swiglu(
    linear(normedAgain, weight('mlp.gate_proj.weight')),
    linear(normedAgain, weight('mlp.up_proj.weight')),
  );
  return { hidden: add(afterAttention, linear(gated, weight('mlp.down_proj.weight'))), keys, values };
}

/**
 * Grouped-query attention: queries [B, heads, T, headSize] against keys and values of these T tokens and of the cache.
 * The query heads that share a key head are laid one below the other, so that keys and values are never repeated.
 */
function groupedAttention(
  config: ModelConfig,
  queries: Value,
  keys: Value,
  values: Value,
  at: Positions,
  cache?: LayerCache,
): Value {
  const { heads, keyValueHeads, headSize } = config;
  const group = heads / keyValueHeads;
  const rows: Dimension = group === 1 ? 'T' : `${group}*T`;
  const grouped = reshape(queries, ['B', keyValueHeads, rows, headSize]);
  const alpha = 1 / Math.sqrt(headSize);
  if (!cache || !at.cacheBias) {
    const mixed = attention(grouped, keys, values, alpha, at.causalBias, ['B', heads, 'T', 'T']);
    return reshape(mixed, ['B', heads, 'T', headSize]);
  }
  // The cache is read where it lies: scores are joined, keys and values are not.
  const scores = (against: Value, size: Dimension, bias: Value) =>
    add(reshape(matmul(grouped, against, { transposeB: true, alpha }), ['B', heads, 'T', size]), bias);
  const mix = (probabilities: Value, size: Dimension, content: Value) =>
    matmul(reshape(probabilities, ['B', keyValueHeads, rows, size]), content);
  const past = scores(cache.keys, 'P', at.cacheBias);
  const own = scores(keys, 'T', at.causalBias);
  const [toPast, toOwn] = splitLike(softmax(concat([past, own], -1, 'P+T')), [past, own], -1);
  const mixed = add(mix(toPast, 'P', cache.values), mix(toOwn, 'T', values));
  return reshape(mixed, ['B', heads, 'T', headSize]);
}

/** Final norm and unembedding: hidden [M, hiddenSize] to logits [M, vocabularySize], divided by the temperature's inverse. */
export function head(
  config: ModelConfig,
  hidden: Value,
  norm: Value,
  unembedding: Value,
  inverseTemperature: Value,
): Value {
  return multiply(linear(rmsNorm(hidden, norm, config.rmsNormEpsilon), unembedding), inverseTemperature);
}

/** Name of the unembedding's parameter. */
export function unembeddingName(config: ModelConfig): string {
  return config.tieWordEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
}
