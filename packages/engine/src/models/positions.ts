/** Where the tokens of a run stand, and which keys each may attend to, as inputs of graphs. */
import type { Dimension, Graph, Value } from '../graph/graph.js';
import { less, lessOrEqual, scalarLike, where } from '../graph/ops/elementwise.js';
import { concat } from '../graph/ops/layout.js';
import { reshape } from '../graph/ops/reshape.js';
import { int64, type Tensor } from '../runtime/onnx.js';
import type { ModelConfig } from './config.js';

/** Added to the scores of masked keys and the logits of masked tokens: its exponential is exactly 0 in float32. */
export const MASKED = -1e9;

interface Places {
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
}

/** B sequences of T tokens. */
export interface Positions extends Places {
  /** Added to the scores against the cache: float32 [B, 1, 1, P]. */
  cacheBias?: Value;
}

/** The tokens of B sequences whose outputs of a layer are needed, W of each: M = B W. */
export interface Asking {
  /** Their flat indices among all tokens: int64 [M]. */
  tokens: Value;
  /** int64 [B, W] */
  positions: Value;
  /** Added to the scores against the tokens of the run: float32 [B, 1, W, T]. */
  bias: Value;
}

/**
 * G prefixes of P tokens, each followed by R suffixes of T tokens: N = G P + G R T tokens, all prefixes first. `NP` and
 * `NS` stand for G P and G R T. `positions` is [N, 1], and `blocks` are pieces of the P tokens of prefixes.
 */
export interface SharedPositions extends Places {
  /** Added to the scores of suffix tokens against their prefix: float32 [G, 1, 1, P]. */
  prefixBias: Value;
  /** Added to the scores within a suffix: float32 [T, T]. */
  suffixBias: Value;
}

export interface CausalBlock {
  /** Number of queries, and of keys up to the block's end. */
  queries: Dimension;
  keys: Dimension;
  /** Places of the keys in the sequence: int64 [1, 1, 1, keys]. */
  keyOrder: Value;
  /** Added to the scores: float32 [1, 1, queries, keys]. */
  bias: Value;
}

/**
 * Declares the inputs for the positions of tokens, with the queries in `blockCount` pieces. With `cached`, also
 * declares how much of the cache each sequence uses.
 */
export function declarePositions(graph: Graph, config: ModelConfig, cached: boolean, blockCount = 1): Positions {
  const positions = graph.input('positions', 'int64', ['B', 'T']);
  const tables = declareTables(graph, config);
  const blocks = declareBlocks(graph, 'T', blockCount);
  if (!cached) return { positions, ...tables, blocks };
  const pastOrder = graph.input('past order', 'int64', ['P']);
  const pastLengths = graph.input('past lengths', 'int64', ['B']);
  const cacheBias = bias(less(reshape(pastOrder, [1, 1, 1, 'P']), reshape(pastLengths, ['B', 1, 1, 1])));
  return { positions, ...tables, blocks, cacheBias };
}

/** Declares the inputs for the tokens whose outputs are needed. */
export function declareAsking(graph: Graph, { blocks }: Positions): Asking {
  const tokens = graph.input('asking', 'int64', ['M']);
  const positions = graph.input('asking positions', 'int64', ['B', 'W']);
  const places = reshape(graph.input('asking places', 'int64', ['B', 'W']), ['B', 1, 'W', 1]);
  return { tokens, positions, bias: bias(lessOrEqual(blocks[0].keyOrder, places)) };
}

/** The same for sequences that share prefixes, with the queries of prefixes in `blockCount` pieces. */
export function declareSharedPositions(graph: Graph, config: ModelConfig, blockCount: number): SharedPositions {
  const ofPrefixes = graph.input('prefix positions', 'int64', ['NP', 1]);
  const ofSuffixes = graph.input('suffix positions', 'int64', ['NS', 1]);
  const positions = concat([ofPrefixes, ofSuffixes], 0, 'N');
  const tables = declareTables(graph, config);
  const blocks = declareBlocks(graph, 'P', blockCount);
  const prefixOrder = graph.input('prefix order', 'int64', ['P']);
  const prefixLengths = graph.input('prefix lengths', 'int64', ['G']);
  const suffixOrder = graph.input('suffix order', 'int64', ['T']);
  const prefixBias = bias(less(reshape(prefixOrder, [1, 1, 1, 'P']), reshape(prefixLengths, ['G', 1, 1, 1])));
  const suffixBias = bias(lessOrEqual(reshape(suffixOrder, [1, 'T']), reshape(suffixOrder, ['T', 1])));
  return { positions, ...tables, blocks, prefixBias, suffixBias };
}

function declareTables(graph: Graph, config: ModelConfig): { cosine: Value; sine: Value } {
  const half = config.headSize / 2;
  return {
    cosine: graph.input('cosine', 'float32', ['S', half]),
    sine: graph.input('sine', 'float32', ['S', half]),
  };
}

/** @param size symbol of the number of tokens in a sequence */
function declareBlocks(graph: Graph, size: string, blockCount: number): CausalBlock[] {
  return Array.from({ length: blockCount }, (_, index) => {
    const queries = blockCount === 1 ? size : `${size}${index}`;
    const reach = index === 0 ? queries : `E${index}`;
    const keys = index === blockCount - 1 ? size : reach;
    // Places in the sequence. The causal rule compares them, so that real tokens never attend to padding at the end.
    const queryOrder = reshape(graph.input(`query order ${index}`, 'int64', [queries]), [1, 1, queries, 1]);
    const keyOrder = reshape(graph.input(`key order ${index}`, 'int64', [keys]), [1, 1, 1, keys]);
    return { queries, keys, keyOrder, bias: bias(lessOrEqual(keyOrder, queryOrder)) };
  });
}

/**
 * Feeds of the `query order` and `key order` inputs for sequences of `length` tokens, in pieces as equal as possible.
 */
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
