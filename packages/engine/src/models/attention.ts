/**
 * Attention of a layer as graph pieces: within sequences, against a cache, and of sequences that share prefixes. Query
 * heads that share a key head are stacked, so that keys and values are never repeated (grouped-query attention).
 */
import { type Dimension, type Shape, type Value, withGradient } from '../graph/graph.js';
import { reduceSum } from '../graph/ops/broadcast.js';
import { add, multiply, subtract } from '../graph/ops/elementwise.js';
import { concat, gatherRows, split, transpose } from '../graph/ops/layout.js';
import { matmul } from '../graph/ops/linear.js';
import { reshape } from '../graph/ops/reshape.js';
import { attention, rotaryEmbedding, softmax } from '../graph/ops/transformer.js';
import type { ModelConfig } from './config.js';
import type { LayerKind } from './layer-kinds.js';
import type {
  Asking,
  Bias,
  CausalBlock,
  Positions,
  PrefixPositions,
  SharedPositions,
  TextPositions,
  TreePositions,
} from './positions.js';

/** Queries, keys and values before rotation, [...rows, heads, headSize] each. */
export interface Projections {
  queries: Value;
  keys: Value;
  values: Value;
}

/** How a layer's tokens attend to each other. */
export interface Attention<Attended extends { mixed: Value }> {
  /** The leading axes of the projections. */
  rows: Shape;
  /**
   * The only tokens that ask: the layer computes nothing but keys and values for the others. Default: all tokens.
   * `rows` are the leading axes of their queries.
   */
  asking?: { tokens: Value; rows: Shape };
  /** Gives at least `mixed`, the mixed values [N, heads x headSize], or [M, ...] of M tokens that ask. */
  attend(projections: Projections): Attended;
}

/** Keys and values of earlier tokens, [B, keyValueHeads, P, headSize] each. */
export interface LayerCache {
  keys: Value;
  values: Value;
}

/** Prefixes that several sequences continue: keys and values [G, keyValueHeads, L, headSize]. */
export interface LayerPrefixes extends PrefixPositions {
  keys: Value;
  values: Value;
}

/** Queries and keys [rows, heads, T, size] at their positions, as the layer's kind rotates them. */
function rotated(
  x: Value,
  { rotary }: LayerKind,
  { positions, rotations }: Pick<Positions, 'positions' | 'rotations'>,
): Value {
  if (rotary === 'none') return x;
  const { cosine, sine } = rotations[rotary];
  return rotaryEmbedding(x, positions, cosine, sine);
}

const biasFor = ({ sliding }: LayerKind, bias: Bias): Value => (sliding ? bias.sliding : bias.full);

const scoreScale = ({ queryScalar, headSize }: ModelConfig): number => 1 / Math.sqrt(queryScalar ?? headSize);

/**
 * B sequences (or trees) of T tokens, each attending to its own tokens and its cache. Also gives the keys and values of
 * these tokens, [B, keyValueHeads, T, headSize]. With `asking`, which has no gradient, only these tokens attend.
 */
export function overSequences(
  config: ModelConfig,
  at: Pick<Positions, 'positions' | 'rotations' | 'cacheBias'> & Pick<TreePositions, 'blocks'>,
  kind: LayerKind,
  cache?: LayerCache & { prefixes?: LayerPrefixes },
  asking?: Asking,
): Attention<{ mixed: Value; keys: Value; values: Value }> {
  const byHead = (x: Value) => transpose(x, [0, 2, 1, 3]);
  const rotate = (x: Value, positions: Value) => rotated(byHead(x), kind, { ...at, positions });
  const [length, count] = asking ? ['W', 'M'] : ['T', 'N'];
  const asked = asking && [{ ...at.blocks[0], queries: length, bias: asking.bias }];
  const blocks = (asked ?? at.blocks).map((block) => ({ ...block, bias: biasFor(kind, block.bias) }));
  const cacheBias = asking?.cacheBias ?? at.cacheBias;
  return {
    rows: ['B', 'T'],
    asking: asking && { tokens: asking.tokens, rows: ['B', length] },
    attend(projections) {
      const queries = rotate(projections.queries, asking?.positions ?? at.positions);
      const keys = rotate(projections.keys, at.positions);
      const values = byHead(projections.values);
      const mixed =
        cache && cacheBias
          ? cachedAttention(
              config,
              queries,
              keys,
              values,
              { bias: blocks[0].bias, length },
              { ...cache, bias: biasFor(kind, cacheBias) },
            )
          : causalAttention(config, queries, keys, values, blocks, ['B', length]);
      return { mixed: reshape(byHead(mixed), [count, config.heads * config.headSize]), keys, values };
    },
  };
}

/**
 * B texts that share their N tokens (see `TextPositions`). Also gives the keys and values of the texts,
 * [B, keyValueHeads, T, headSize]. With `asking`, only these tokens attend. Without gradient.
 */
export function overTexts(
  config: ModelConfig,
  at: TextPositions,
  kind: LayerKind,
  asking?: Asking,
): Attention<{ mixed: Value; keys: Value; values: Value }> {
  const { heads, keyValueHeads, headSize } = config;
  const rotate = (x: Value, count: number) => rotated(reshape(x, ['N', 1, count * headSize]), kind, at);
  const ofTexts = (x: Value, rows: Value) => gatherRows(reshape(x, ['rows', headSize]), rows);
  return {
    // For rotation, each token is a separate sequence, as for shared prefixes.
    rows: ['N', 1],
    asking: asking && { tokens: asking.tokens, rows: ['B', 'W'] },
    attend(projections) {
      const keys = ofTexts(rotate(projections.keys, keyValueHeads), at.keyRows);
      const values = ofTexts(projections.values, at.keyRows);
      const attended = (queries: Value, length: Dimension, block: Omit<CausalBlock, 'bias'> & { bias: Bias }) => {
        const blocks = [{ ...block, queries: length, bias: biasFor(kind, block.bias) }];
        return causalAttention(config, queries, keys, values, blocks, ['B', length]);
      };
      const [block] = at.blocks;
      if (asking) {
        const byHead = transpose(projections.queries, [0, 2, 1, 3]);
        const queries = rotated(byHead, kind, { ...at, positions: asking.positions });
        const mixed = transpose(attended(queries, 'W', { ...block, bias: asking.bias }), [0, 2, 1, 3]);
        return { mixed: reshape(mixed, ['M', heads * headSize]), keys, values };
      }
      const queries = ofTexts(rotate(projections.queries, heads), at.queryRows);
      const mixed = ofTexts(attended(queries, 'T', block), at.mixedRows);
      return { mixed: reshape(mixed, ['N', heads * headSize]), keys, values };
    },
  };
}

const stacked = (group: number, size: Dimension): Dimension => (group === 1 ? size : `${group}*${size}`);

/** Queries [B, heads, T, headSize] against keys and values of the same tokens, in pieces. */
function causalAttention(
  config: ModelConfig,
  queries: Value,
  keys: Value,
  values: Value,
  blocks: readonly (Pick<CausalBlock, 'queries' | 'keys'> & { bias: Value })[],
  [count, length]: readonly [Dimension, Dimension],
): Value {
  const { heads, keyValueHeads, headSize } = config;
  const group = heads / keyValueHeads;
  const alpha = scoreScale(config);
  const sizes = blocks.map((block) => block.queries);
  const pieces = (x: Value) => (sizes.length === 1 ? [x] : split(x, sizes, 2));
  const [queryPieces, keyPieces, valuePieces] = [queries, keys, values].map(pieces);
  const mixed = blocks.map(({ queries: size, keys: reach, bias }, index) => {
    const upToHere = (parts: readonly Value[]) =>
      index === 0 ? parts[0] : concat(parts.slice(0, index + 1), 2, reach);
    const grouped = reshape(queryPieces[index], [count, keyValueHeads, stacked(group, size), headSize]);
    const shape = [count, heads, size, reach];
    const y = attention(grouped, upToHere(keyPieces), upToHere(valuePieces), alpha, bias, shape);
    return reshape(y, [count, heads, size, headSize]);
  });
  return mixed.length === 1 ? mixed[0] : concat(mixed, 2, length);
}

/**
 * Queries [B, heads, length, headSize] against a cache and the run's own tokens, to whose scores `bias` is added,
 * without a gradient.
 */
function cachedAttention(
  config: ModelConfig,
  queries: Value,
  keys: Value,
  values: Value,
  { bias, length }: { bias: Value; length: string },
  cache: LayerCache & { bias: Value; prefixes?: LayerPrefixes },
): Value {
  const { heads, keyValueHeads, headSize } = config;
  const rows = stacked(heads / keyValueHeads, length);
  // The runtime has a kernel for products of one row, as in a step, but not with a factor. So queries are scaled
  // before, by a vector, because it would make a factor of a number again.
  const factors = new Float32Array(headSize).fill(scoreScale(config));
  const scaled = multiply(
    queries,
    queries.graph.cached('scale', () => queries.graph.constant('float32', [headSize], factors)),
  );
  const grouped = reshape(scaled, ['B', keyValueHeads, rows, headSize]);
  // The cache is read in place: only scores are joined, not keys and values.
  const scores = (against: Value, size: Dimension, added: Value) =>
    add(reshape(matmul(grouped, against, { transposeB: true }), ['B', heads, length, size]), added);
  const mix = (probabilities: Value, size: Dimension, content: Value) =>
    matmul(reshape(probabilities, ['B', keyValueHeads, rows, size]), content);
  const past = scores(cache.keys, 'P', cache.bias);
  const own = scores(keys, 'T', bias);
  if (!cache.prefixes) {
    const [toPast, toOwn] = split(softmax(concat([past, own], -1, 'P+T')), ['P', 'T'], -1);
    return reshape(add(mix(toPast, 'P', cache.values), mix(toOwn, 'T', values)), ['B', heads, length, headSize]);
  }
  const { prefixes } = cache;
  const { together, apart } = withPrefixes(config, prefixes, length);
  // The scores against prefixes are the large ones, so the others move, there and back.
  const before = add(matmul(together(scaled, headSize), prefixes.keys, { transposeB: true }), prefixes.bias);
  const others = together(concat([past, own], -1, 'P+T'), 'P+T');
  const [toPrefix, toOthers] = split(softmax(concat([before, others], -1, 'L+P+T')), ['L', 'P+T'], -1);
  const [toPast, toOwn] = split(apart(toOthers, 'P+T'), ['P', 'T'], -1);
  const ofOthers = add(mix(toPast, 'P', cache.values), mix(toOwn, 'T', values));
  const ofPrefix = apart(matmul(toPrefix, prefixes.values), headSize);
  return add(reshape(ofOthers, ['B', heads, length, headSize]), ofPrefix);
}

/**
 * Brings the sequences of a prefix together, so that it is read once for all of them, and apart again. `together` makes
 * [G, keyValueHeads, rows, last] of [B, heads, length, last], and `apart` the reverse.
 */
function withPrefixes(
  { heads, keyValueHeads }: ModelConfig,
  { rows, places }: PrefixPositions,
  length: string,
): Record<'together' | 'apart', (x: Value, last: Dimension) => Value> {
  const group = stacked(heads / keyValueHeads, length);
  const swapped = (x: Value) => transpose(x, [0, 2, 1, 3, 4]);
  return {
    together: (x, last) => {
      const bySequence = reshape(gatherRows(x, rows), ['G', 'R', keyValueHeads, group, last]);
      return reshape(swapped(bySequence), ['G', keyValueHeads, `R*${group}`, last]);
    },
    apart: (x, last) => {
      const byHead = reshape(x, ['G', keyValueHeads, 'R', group, last]);
      return gatherRows(reshape(swapped(byHead), ['G*R', heads, length, last]), places);
    },
  };
}

/**
 * G prefixes and their G x R suffixes (see `SharedPositions`). Every prefix is computed once; its keys and values
 * receive the gradients of all of its suffixes.
 */
export function overSharedPrefixes(
  config: ModelConfig,
  at: SharedPositions,
  kind: LayerKind,
): Attention<{ mixed: Value }> {
  const { heads, keyValueHeads, headSize } = config;
  const group = heads / keyValueHeads;
  const flat = (x: Value, count: number) => reshape(x, ['N', 1, count * headSize]);
  const rotate = (x: Value, count: number) => rotated(flat(x, count), kind, at);
  const blocks = at.blocks.map((block) => ({ ...block, bias: biasFor(kind, block.bias) }));
  const parts = (x: Value) => split(x, ['NP', 'NS'], 0);
  const ofPrefix = (x: Value, count: number) => transpose(reshape(x, ['G', 'P', count, headSize]), [0, 2, 1, 3]);
  const ofSuffix = (x: Value) => transpose(reshape(x, ['G', 'R', 'T', keyValueHeads, headSize]), [0, 3, 1, 2, 4]);
  return {
    // For rotation, each token is a separate sequence: the kernel allows no sequence longer than the tables.
    rows: ['N', 1],
    attend(projections) {
      const [prefixQueries, suffixQueries] = parts(rotate(projections.queries, heads));
      const keys = parts(rotate(projections.keys, keyValueHeads));
      const values = parts(flat(projections.values, keyValueHeads));
      const past = { keys: ofPrefix(keys[0], keyValueHeads), values: ofPrefix(values[0], keyValueHeads) };
      const queries = ofPrefix(prefixQueries, heads);
      const prefix = causalAttention(config, queries, past.keys, past.values, blocks, ['G', 'P']);
      const suffix = suffixAttention(
        transpose(reshape(suffixQueries, ['G', 'R', 'T', keyValueHeads, group, headSize]), [0, 3, 1, 4, 2, 5]),
        { ...past, bias: biasFor(kind, at.prefixBias) },
        { keys: ofSuffix(keys[1]), values: ofSuffix(values[1]), bias: biasFor(kind, at.suffixBias) },
        scoreScale(config),
      );
      const width = heads * headSize;
      const mixed = [
        reshape(transpose(prefix, [0, 2, 1, 3]), ['NP', width]),
        reshape(transpose(suffix, [0, 2, 4, 1, 3, 5]), ['NS', width]),
      ];
      return { mixed: concat(mixed, 0, 'N') };
    },
  };
}

interface Keys {
  keys: Value;
  values: Value;
  bias: Value;
}

/**
 * Queries of suffixes, [G, K, R, H, T, d] with K key heads of H query heads each, against their prefix (keys and values
 * [G, K, P, d]) and their own suffix ([G, K, R, T, d]), in one softmax. The queries of all suffixes meet the prefix in
 * one product. The gradient is that of `attention`, for both parts.
 */
function suffixAttention(queries: Value, prefix: Keys, own: Keys, alpha: number): Value {
  const [groups, keyHeads, suffixes, group, length, headSize] = queries.shape;
  const all = `${suffixes}*${group}*${length}`;
  const acrossSuffixes = (x: Value, last: Dimension): Value => reshape(x, [groups, keyHeads, all, last]);
  const bySuffix = (x: Value, last: Dimension): Value =>
    reshape(x, [groups, keyHeads, suffixes, stacked(Number(group), length), last]);
  const shape: Shape = queries.shape;
  const toPrefix = acrossSuffixes(queries, headSize);
  const toOwn = bySuffix(queries, headSize);
  const onto = (scores: Value, bias: Value) => add(reshape(scores, [...shape.slice(0, -1), 'P']), bias);
  const past = onto(matmul(toPrefix, prefix.keys, { transposeB: true, alpha }), prefix.bias);
  const within = reshape(matmul(toOwn, own.keys, { transposeB: true, alpha }), [...shape.slice(0, -1), length]);
  const scores = concat([acrossSuffixes(past, 'P'), acrossSuffixes(add(within, own.bias), length)], -1, 'P+T');
  const [onPrefix, onOwn] = split(softmax(scores), ['P', length], -1);
  const onOwnBySuffix = bySuffix(onOwn, length);
  const y = add(reshape(matmul(onPrefix, prefix.values), shape), reshape(matmul(onOwnBySuffix, own.values), shape));
  return withGradient(y, [queries, prefix.keys, prefix.values, own.keys, own.values], (dy) => {
    const [dyAcross, dyBySuffix] = [acrossSuffixes(dy, headSize), bySuffix(dy, headSize)];
    const sums = reduceSum(multiply(dy, y), [-1], true);
    const slope = (p: Value, dp: Value, sum: Value) => multiply(p, subtract(dp, sum));
    let known: [Value, Value] | undefined;
    const slopes = () => {
      known ??= [
        slope(onPrefix, matmul(dyAcross, prefix.values, { transposeB: true }), acrossSuffixes(sums, 1)),
        slope(onOwnBySuffix, matmul(dyBySuffix, own.values, { transposeB: true }), bySuffix(sums, 1)),
      ];
      return known;
    };
    return [
      () =>
        add(
          reshape(matmul(slopes()[0], prefix.keys, { alpha }), shape),
          reshape(matmul(slopes()[1], own.keys, { alpha }), shape),
        ),
      () => matmul(slopes()[0], toPrefix, { transposeA: true, alpha }),
      () => matmul(onPrefix, dyAcross, { transposeA: true }),
      () => matmul(slopes()[1], toOwn, { transposeA: true, alpha }),
      () => matmul(onOwnBySuffix, dyBySuffix, { transposeA: true }),
    ];
  });
}
