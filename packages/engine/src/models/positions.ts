/** Where the tokens of a run stand, and which keys each may attend to, as inputs of graphs. */
import type { Dimension, Graph, Value } from '../graph/graph.js';
import { add, less, lessOrEqual, scalarLike, where } from '../graph/ops/elementwise.js';
import { concat } from '../graph/ops/layout.js';
import { reshape } from '../graph/ops/reshape.js';
import { float32, int64, type Tensor } from '../runtime/onnx.js';
import type { ModelConfig } from './config.js';

/** Added to the scores of masked keys and the logits of masked tokens: its exponential is exactly 0 in float32. */
export const MASKED = -1e9;

/** [positions, headSize / 2] each. */
export interface Rotation {
  cosine: Value;
  sine: Value;
}

/** Added to scores: `MASKED` where a token must not attend to a key, float32. */
export interface Bias {
  /** In layers that attend to every token before. */
  full: Value;
  /** In sliding layers; the same in models without any. */
  sliding: Value;
}

interface Places {
  /** int64 [B, T] */
  positions: Value;
  rotations: { full: Rotation; sliding: Rotation };
  /**
   * Consecutive pieces of the T tokens as queries, each with all tokens up to its end as keys. Cutting into pieces
   * saves the work on keys that come after all queries of a piece.
   */
  blocks: CausalBlock[];
}

/** B sequences of T tokens. */
export interface Positions extends Places {
  /** For the scores against the cache: [B, 1, 1, P], sliding [B, 1, T, P]. */
  cacheBias?: Bias;
  /** The places of the cache, int64 [1, 1, 1, P], and which of them are in use, [B, 1, 1, P]. */
  past?: { order: Value; used: Value };
}

/**
 * B texts of up to T tokens whose beginnings may be the same: N different tokens in all, `positions` is [N, 1]. Their
 * layers compute every token once, without padding; attention alone works on the texts.
 */
export interface TextPositions extends Places {
  /** Where the heads of a text's tokens are among those of all tokens (token x heads + head): int32 [B, heads, T]. */
  queryRows: Value;
  /** The same for key heads: int32 [B, keyValueHeads, T]. */
  keyRows: Value;
  /** The inverse: where a token's heads are among those of the texts, int32 [N, heads]. */
  mixedRows: Value;
}

/**
 * G prefixes of up to L tokens that B sequences with caches of their own continue, at most R sequences each. A prefix
 * may be empty.
 */
export interface PrefixPositions {
  /** Each prefix's sequences, filled up with any: int64 [G, R]. */
  rows: Value;
  /** Where each sequence is among all G x R of these: int64 [B]. */
  places: Value;
  /** For the scores against the prefix: [G, 1, 1, L]. */
  bias: Value;
}

/** The tokens of B sequences whose outputs of a layer are needed, W of each: M = B W. */
export interface Asking {
  /** Their flat indices among all tokens: int64 [M]. */
  tokens: Value;
  /** int64 [B, W] */
  positions: Value;
  /** Added to the scores against the tokens of the run: float32 [B, 1, W, T]. */
  bias: Bias;
  /** For the scores against the cache: [B, 1, 1, P], sliding [B, 1, W, P]. */
  cacheBias?: Bias;
}

/**
 * G prefixes of P tokens, each followed by R suffixes of T tokens: N = G P + G R T tokens, all prefixes first. `NP` and
 * `NS` stand for G P and G R T. `positions` is [N, 1], and `blocks` are pieces of the P tokens of prefixes.
 */
export interface SharedPositions extends Places {
  /** For the scores of suffix tokens against their prefix: [G, 1, 1, 1, 1, P], sliding [G, 1, 1, 1, T, P]. */
  prefixBias: Bias;
  /** For the scores within a suffix: [T, T]. */
  suffixBias: Bias;
}

/**
 * B trees of T tokens, ancestors before descendants (training/trees.ts). `blocks` are consecutive pieces of the tokens,
 * whose biases say which keys are ancestors.
 */
export interface TreePositions extends Omit<Places, 'blocks'> {
  blocks: Omit<CausalBlock, 'keyOrder'>[];
}

export interface CausalBlock {
  /** Number of queries, and of keys up to the block's end. */
  queries: Dimension;
  keys: Dimension;
  /** Places of the keys in the sequence: int64 [1, 1, 1, keys]. */
  keyOrder: Value;
  /** [1, 1, queries, keys] */
  bias: Bias;
}

/**
 * Declares the inputs for the positions of tokens, with the queries in `blockCount` pieces. With `cached`, also
 * declares how much of the cache each sequence uses.
 */
export function declarePositions(graph: Graph, config: ModelConfig, cached: boolean, blockCount = 1): Positions {
  const positions = graph.input('positions', 'int64', ['B', 'T']);
  const rotations = declareRotations(graph, config);
  const blocks = declareBlocks(graph, config, 'T', blockCount);
  if (!cached) return { positions, rotations, blocks };
  const pastOrder = reshape(graph.input('past order', 'int64', ['P']), [1, 1, 1, 'P']);
  const pastLengths = reshape(graph.input('past lengths', 'int64', ['B']), ['B', 1, 1, 1]);
  const past = { order: pastOrder, used: less(pastOrder, pastLengths) };
  return {
    positions,
    rotations,
    blocks,
    past,
    cacheBias: cacheBiasOf(config, past, reshape(positions, ['B', 1, 'T', 1])),
  };
}

/** Declares the inputs for prefixes (see `PrefixPositions`) of models without sliding layers. */
export function declarePrefixes(graph: Graph): PrefixPositions {
  const order = reshape(graph.input('prefix order', 'int64', ['L']), [1, 1, 1, 'L']);
  const lengths = reshape(graph.input('prefix lengths', 'int64', ['G']), ['G', 1, 1, 1]);
  return {
    rows: graph.input('prefix rows', 'int64', ['G', 'R']),
    places: graph.input('prefix places', 'int64', ['B']),
    bias: maskUnless(less(order, lengths)),
  };
}

export function declareTexts(graph: Graph, config: ModelConfig): TextPositions {
  const { heads, keyValueHeads } = config;
  return {
    positions: graph.input('positions', 'int64', ['N', 1]),
    rotations: declareRotations(graph, config),
    blocks: declareBlocks(graph, config, 'T', 1),
    queryRows: graph.input('query rows', 'int32', ['B', heads, 'T']),
    keyRows: graph.input('key rows', 'int32', ['B', keyValueHeads, 'T']),
    mixedRows: graph.input('mixed rows', 'int32', ['N', heads]),
  };
}

/** Declares the inputs for the tokens whose outputs are needed. */
export function declareAsking(
  graph: Graph,
  config: ModelConfig,
  { blocks, past, cacheBias }: Pick<Positions, 'blocks' | 'past' | 'cacheBias'>,
): Asking {
  const tokens = graph.input('asking', 'int64', ['M']);
  const positions = graph.input('asking positions', 'int64', ['B', 'W']);
  const places = reshape(graph.input('asking places', 'int64', ['B', 'W']), ['B', 1, 'W', 1]);
  const [{ keyOrder }] = blocks;
  const bias = biasOf(config, lessOrEqual(keyOrder, places), places, keyOrder);
  // Without sliding layers, all tokens of a sequence see the same part of the cache.
  const own = past && config.slidingWindow && cacheBiasOf(config, past, reshape(positions, ['B', 1, 'W', 1]));
  return { tokens, positions, bias, cacheBias: own ?? cacheBias };
}

/** @param positions of the tokens that attend, [B, 1, tokens, 1] */
function cacheBiasOf(config: ModelConfig, { order, used }: { order: Value; used: Value }, positions: Value): Bias {
  return biasOf(config, used, positions, order);
}

/** The same for sequences that share prefixes, with the queries of prefixes in `blockCount` pieces. */
export function declareSharedPositions(graph: Graph, config: ModelConfig, blockCount: number): SharedPositions {
  const ofPrefixes = graph.input('prefix positions', 'int64', ['NP', 1]);
  const ofSuffixes = graph.input('suffix positions', 'int64', ['NS', 1]);
  const positions = concat([ofPrefixes, ofSuffixes], 0, 'N');
  const rotations = declareRotations(graph, config);
  const blocks = declareBlocks(graph, config, 'P', blockCount);
  const prefixOrder = reshape(graph.input('prefix order', 'int64', ['P']), [1, 1, 1, 1, 1, 'P']);
  const prefixLengths = reshape(graph.input('prefix lengths', 'int64', ['G']), ['G', 1, 1, 1, 1, 1]);
  const suffixOrder = graph.input('suffix order', 'int64', ['T']);
  const [query, key] = [reshape(suffixOrder, ['T', 1]), reshape(suffixOrder, [1, 'T'])];
  const places = add(prefixLengths, reshape(suffixOrder, [1, 1, 1, 1, 'T', 1]));
  return {
    positions,
    rotations,
    blocks,
    prefixBias: biasOf(config, less(prefixOrder, prefixLengths), places, prefixOrder),
    suffixBias: biasOf(config, lessOrEqual(key, query), query, key),
  };
}

/**
 * Declares the inputs for trees: where each token stands in its rows, and for each of `blockCount` pieces, 0 for
 * ancestors and the token itself, else `MASKED`, as `ancestors i`.
 */
export function declareTrees(graph: Graph, config: ModelConfig, blockCount: number): TreePositions {
  const positions = graph.input('positions', 'int64', ['B', 'T']);
  const rotations = declareRotations(graph, config);
  const blocks = Array.from({ length: blockCount }, (_, index) => {
    const { queries, keys } = blockSizes('T', index, blockCount);
    const full = graph.input(`ancestors ${index}`, 'float32', ['B', 1, queries, keys]);
    if (!config.slidingWindow) return { queries, keys, bias: { full, sliding: full } };
    const ofTokens = (what: string, size: Dimension) => graph.input(`${what} positions ${index}`, 'int64', ['B', size]);
    const query = reshape(ofTokens('query', queries), ['B', 1, queries, 1]);
    const key = reshape(ofTokens('key', keys), ['B', 1, 1, keys]);
    return { queries, keys, bias: { full, sliding: withinWindow(full, query, key, config.slidingWindow.tokens) } };
  });
  return { positions, rotations, blocks };
}

/** Feeds of `declareTrees` for `parents` and `positions` [B x T] (see `TokenTree`); padding attends to itself. */
export function treeFeeds(
  { slidingWindow }: ModelConfig,
  parents: Int32Array,
  positions: Int32Array,
  length: number,
  blockCount: number,
): Record<string, Tensor> {
  const count = parents.length / length;
  const feeds: Record<string, Tensor> = { positions: int64(positions, [count, length]) };
  const ancestors = ancestorBias(parents, length);
  for (let index = 0; index < blockCount; index++) {
    const { start, end } = blockRange(length, index, blockCount);
    const bias = new Float32Array(count * (end - start) * end);
    for (let row = 0, at = 0; row < count * length; row++) {
      if (row % length < start || row % length >= end) continue;
      bias.set(ancestors.subarray(row * length, row * length + end), at);
      at += end;
    }
    feeds[`ancestors ${index}`] = float32(bias, [count, 1, end - start, end]);
    if (!slidingWindow) continue;
    const piece = (from: number) => positions.filter((_, at) => at % length >= from && at % length < end);
    feeds[`query positions ${index}`] = int64(piece(start), [count, end - start]);
    feeds[`key positions ${index}`] = int64(piece(0), [count, end]);
  }
  return feeds;
}

/** [B, T, T]: 0 where a key is the query or one of its ancestors. */
function ancestorBias(parents: Int32Array, length: number): Float32Array {
  const bias = new Float32Array(parents.length * length).fill(MASKED);
  parents.forEach((parent, row) => {
    const place = row % length;
    const from = (row - place + parent) * length;
    if (parent >= 0) bias.copyWithin(row * length, from, from + parent + 1);
    bias[row * length + place] = 0;
  });
  return bias;
}

function declareRotations(graph: Graph, config: ModelConfig): Places['rotations'] {
  const half = config.headSize / 2;
  const rotation = (prefix: string): Rotation => ({
    cosine: graph.input(`${prefix}cosine`, 'float32', ['S', half]),
    sine: graph.input(`${prefix}sine`, 'float32', ['S', half]),
  });
  const full = rotation('');
  return { full, sliding: config.slidingWindow ? rotation('sliding ') : full };
}

/** @param size symbol of the number of tokens in a sequence */
function declareBlocks(graph: Graph, config: ModelConfig, size: string, blockCount: number): CausalBlock[] {
  return Array.from({ length: blockCount }, (_, index) => {
    const { queries, keys } = blockSizes(size, index, blockCount);
    // Places in the sequence. The causal rule compares them, so that real tokens never attend to padding at the end.
    const queryOrder = reshape(graph.input(`query order ${index}`, 'int64', [queries]), [1, 1, queries, 1]);
    const keyOrder = reshape(graph.input(`key order ${index}`, 'int64', [keys]), [1, 1, 1, keys]);
    return { queries, keys, keyOrder, bias: biasOf(config, lessOrEqual(keyOrder, queryOrder), queryOrder, keyOrder) };
  });
}

/** Symbols for the number of queries and of keys of a piece. */
function blockSizes(size: string, index: number, blockCount: number): { queries: string; keys: string } {
  const queries = blockCount === 1 ? size : `${size}${index}`;
  const reach = index === 0 ? queries : `E${index}`;
  return { queries, keys: index === blockCount - 1 ? size : reach };
}

/** The tokens of a piece, of `length` in all. */
function blockRange(length: number, index: number, blockCount: number): { start: number; end: number } {
  return { start: Math.round((index * length) / blockCount), end: Math.round(((index + 1) * length) / blockCount) };
}

/**
 * Feeds of the `query order` and `key order` inputs for sequences of `length` tokens, in pieces as equal as possible.
 */
export function orderFeeds(length: number, blockCount = 1): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
  for (let index = 0; index < blockCount; index++) {
    const { start, end } = blockRange(length, index, blockCount);
    const places = Array.from({ length: end }, (_, place) => place);
    feeds[`query order ${index}`] = int64(places.slice(start), [end - start]);
    feeds[`key order ${index}`] = int64(places, [end]);
  }
  return feeds;
}

/**
 * @param allowed which keys a token may attend to where nothing slides
 * @param query places of the tokens in their sequences, int64
 * @param key places of the keys
 */
function biasOf({ slidingWindow }: ModelConfig, allowed: Value, query: Value, key: Value): Bias {
  const full = maskUnless(allowed);
  return { full, sliding: slidingWindow ? withinWindow(full, query, key, slidingWindow.tokens) : full };
}

function maskUnless(condition: Value): Value {
  return where(condition, scalarLike(condition, 0), scalarLike(condition, MASKED));
}

/** `bias`, with keys masked that are `tokens` or more before the query. */
function withinWindow(bias: Value, query: Value, key: Value, tokens: number): Value {
  const within = less(query, add(key, key.graph.integers([tokens])));
  // Keys that are masked twice are still masked: both numbers are far below any score.
  return add(bias, maskUnless(within));
}
