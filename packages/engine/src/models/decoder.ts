/**
 * The decoder as graph pieces: a layer, its attention, and the head. The same layer serves training (whole sequences)
 * and generation (new tokens against a cache). Differences between families are features of the layer
 * (`LayerFeatures`); this file names no family.
 */
import type { Dimension, Graph, Value } from '../graph/graph.js';
import { add, less, lessOrEqual, multiply, scalarLike, where } from '../graph/ops/elementwise.js';
import { concat, split, transpose } from '../graph/ops/layout.js';
import { linear, matmul } from '../graph/ops/linear.js';
import { reshape } from '../graph/ops/reshape.js';
import { attention, rmsNorm, rotaryEmbedding, softmax, swiglu } from '../graph/ops/transformer.js';
import { int64, type Tensor } from '../runtime/onnx.js';
import { featuresOf } from './architectures/index.js';
import type { ModelConfig } from './config.js';
import { layerParameterShapes } from './parameters.js';

/** Added to the scores of masked keys and the logits of masked tokens: its exponential is exactly 0 in float32. */
const MASKED = -1e9;

/** Positions of the B x T tokens of a run, and the keys that each may attend to. */
export interface Positions {
  /** int64 [B, T] */
  positions: Value;
  /** [positions, headSize / 2] */
  cosine: Value;
  sine: Value;
  /**
   * Consecutive pieces of the T tokens as queries, each with all tokens up to its end as keys. Cutting into pieces
   * saves the work on keys that come after all queries of a piece.
   */
  blocks: CausalBlock[];
  /** Added to the scores against the cache: float32 [B, 1, 1, P]. */
  cacheBias?: Value;
}

export interface CausalBlock {
  /** Number of queries, and of keys up to the block's end. */
  queries: Dimension;
  keys: Dimension;
  /** Added to the scores: float32 [1, 1, queries, keys]. */
  bias: Value;
}

/** Keys and values of earlier tokens, [B, keyValueHeads, P, headSize] each. */
export interface LayerCache {
  keys: Value;
  values: Value;
}

/**
 * Declares the inputs for the positions of tokens, with the queries in `blockCount` pieces. With `cached`, also
 * declares how much of the cache each sequence uses.
 */
export function declarePositions(graph: Graph, config: ModelConfig, cached: boolean, blockCount = 1): Positions {
  const positions = graph.input('positions', 'int64', ['B', 'T']);
  const half = config.headSize / 2;
  const cosine = graph.input('cosine', 'float32', ['S', half]);
  const sine = graph.input('sine', 'float32', ['S', half]);
  const blocks: CausalBlock[] = [];
  for (let index = 0; index < blockCount; index++) {
    const queries = blockCount === 1 ? 'T' : `T${index}`;
    const reach = index === 0 ? queries : `E${index}`;
    const keys = index === blockCount - 1 ? 'T' : reach;
    // Places in the sequence. The causal rule compares them, so that real tokens never attend to padding at the end.
    const queryOrder = reshape(graph.input(`query order ${index}`, 'int64', [queries]), [1, 1, queries, 1]);
    const keyOrder = reshape(graph.input(`key order ${index}`, 'int64', [keys]), [1, 1, 1, keys]);
    blocks.push({ queries, keys, bias: bias(lessOrEqual(keyOrder, queryOrder)) });
  }
  if (!cached) return { positions, cosine, sine, blocks };
  const pastOrder = graph.input('past order', 'int64', ['P']);
  const pastLengths = graph.input('past lengths', 'int64', ['B']);
  const cacheBias = bias(less(reshape(pastOrder, [1, 1, 1, 'P']), reshape(pastLengths, ['B', 1, 1, 1])));
  return { positions, cosine, sine, blocks, cacheBias };
}

/** Feeds of the `query order` and `key order` inputs for T tokens: pieces as equal as possible. */
export function orderFeeds(length: number, blockCount = 1): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
  for (let index = 0; index < blockCount; index++) {
    const start = Math.round((index * length) / blockCount);
    const end = Math.round(((index + 1) * length) / blockCount);
    const places = Array.from({ length: end }, (_, place) => place);
    feeds[`query order ${index}`] = int64(places.slice(start), [end - start]);
    feeds[`key order ${index}`] = int64(places, [end]);
  }
  return feeds;
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
 * One decoder layer: hidden [N, hiddenSize] to the same, N = B x T. Also returns the keys and values of these tokens,
 * [B, keyValueHeads, T, headSize], for a cache.
 */
export function decoderLayer(
  config: ModelConfig,
  hidden: Value,
  weight: (name: string) => Value,
  at: Positions,
  cache?: LayerCache,
): { hidden: Value; keys: Value; values: Value } {
  const { headSize, heads, keyValueHeads, rmsNormEpsilon: epsilon } = config;
  const { queryKeyNorm } = featuresOf(config);
  const normed = rmsNorm(hidden, weight('input_layernorm.weight'), epsilon);
  const project = (name: string, count: number) =>
    reshape(linear(normed, weight(`self_attn.${name}_proj.weight`)), ['B', 'T', count, headSize]);
  const byHead = (x: Value) => transpose(x, [0, 2, 1, 3]);
  const rotate = (x: Value) => rotaryEmbedding(byHead(x), at.positions, at.cosine, at.sine);
  const headNorm = (x: Value, name: string) =>
    queryKeyNorm ? rmsNorm(x, weight(`self_attn.${name}_norm.weight`), epsilon) : x;

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
 * Query heads that share a key head are stacked, so that keys and values are never repeated.
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
  const rowsOf = (size: Dimension): Dimension => (group === 1 ? size : `${group}*${size}`);
  const grouped = (x: Value, size: Dimension) => reshape(x, ['B', keyValueHeads, rowsOf(size), headSize]);
  const alpha = 1 / Math.sqrt(headSize);
  if (!cache || !at.cacheBias) {
    const sizes = at.blocks.map((block) => block.queries);
    const pieces = (x: Value) => (sizes.length === 1 ? [x] : split(x, sizes, 2));
    const [queryPieces, keyPieces, valuePieces] = [queries, keys, values].map(pieces);
    const mixed = at.blocks.map(({ queries: size, keys: reach, bias: causalBias }, index) => {
      const upToHere = (parts: readonly Value[]) =>
        index === 0 ? parts[0] : concat(parts.slice(0, index + 1), 2, reach);
      const shape = ['B', heads, size, reach];
      const [blockKeys, blockValues] = [upToHere(keyPieces), upToHere(valuePieces)];
      const y = attention(grouped(queryPieces[index], size), blockKeys, blockValues, alpha, causalBias, shape);
      return reshape(y, ['B', heads, size, headSize]);
    });
    return mixed.length === 1 ? mixed[0] : concat(mixed, 2, 'T');
  }
  // The cache is read in place: only scores are joined, not keys and values.
  const scores = (against: Value, size: Dimension, added: Value) =>
    add(reshape(matmul(grouped(queries, 'T'), against, { transposeB: true, alpha }), ['B', heads, 'T', size]), added);
  const mix = (probabilities: Value, size: Dimension, content: Value) =>
    matmul(reshape(probabilities, ['B', keyValueHeads, rowsOf('T'), size]), content);
  const past = scores(cache.keys, 'P', at.cacheBias);
  const own = scores(keys, 'T', at.blocks[0].bias);
  const [toPast, toOwn] = split(softmax(concat([past, own], -1, 'P+T')), ['P', 'T'], -1);
  const mixed = add(mix(toPast, 'P', cache.values), mix(toOwn, 'T', values));
  return reshape(mixed, ['B', heads, 'T', headSize]);
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
