/**
 * Rows of a call as trees of tokens: what rows have in common, at any depth, is one branch, and is computed once. A
 * token attends to its ancestors, so that every row sees exactly its own tokens.
 */
import type { ScoreRow } from '../api.js';
import type { ModelConfig } from '../models/config.js';
import { commonTokens, type SortedRows } from './prefixes.js';

/** N tokens, ancestors before descendants. */
export interface TokenTree {
  rows: readonly number[];
  /** [N] */
  ids: number[];
  /** The token before each, -1 for a first one. [N] */
  parents: number[];
  /** Number of tokens before each in its rows. [N] */
  positions: number[];
  /** The tokens of each of `rows`. */
  paths: Int32Array[];
}

/** What computing costs, in any unit: for a token, and for a pair of a token and a key that it is compared with. */
export interface TokenCosts {
  token: number;
  pair: number;
}

/** One pass over a number costs about as much as this many operations of a matrix product (measured). */
const PASS = 20;

/** Costs in one layer, forward, in floating-point operations of matrix products. */
export function tokenCosts(config: ModelConfig): TokenCosts {
  const { hiddenSize, intermediateSize, heads, keyValueHeads, headSize } = config;
  const weights = 2 * hiddenSize * (heads + keyValueHeads) * headSize + 3 * hiddenSize * intermediateSize;
  return {
    token: 2 * weights + PASS * (20 * hiddenSize + 6 * intermediateSize),
    pair: heads * (4 * headSize + PASS * 5),
  };
}

/** What a tree of several rows may have at most: tokens, and tokens that are scored. */
export interface TreeLimits {
  tokens: number;
  targets: number;
}

/** Cuts sorted rows into lists within the limits, whose trees cost the least together. */
export function cutIntoTrees(
  rows: readonly ScoreRow[],
  { sorted, inputs }: SortedRows,
  costs: TokenCosts,
  limits: TreeLimits,
): number[][] {
  const targets = sorted.map((index) => rows[index].completionIds.length);
  const lengths = sorted.map((index) => (inputs.get(index) as Int32Array).length);
  const common = sorted.map((index, place) =>
    place === 0 ? 0 : commonTokens(inputs.get(sorted[place - 1]) as Int32Array, inputs.get(index) as Int32Array),
  );
  // The least cost of the rows before `end`, and where the last tree of the best cut begins.
  const least = [0];
  const begins = [0];
  for (let end = 1; end <= sorted.length; end++) {
    least.push(Number.POSITIVE_INFINITY);
    begins.push(end - 1);
    for (let start = end - 1, tokens = 0, scored = 0; start >= 0; start--) {
      tokens += lengths[start] - (start + 1 < end ? common[start + 1] : 0);
      scored += targets[start];
      const isTree = start < end - 1;
      if (isTree && (tokens > limits.tokens || scored > limits.targets || common[start + 1] === 0)) break;
      const cost = least[start] + squareCost(costs, tokens);
      if (cost >= least[end]) continue;
      least[end] = cost;
      begins[end] = start;
    }
  }
  const lists: number[][] = [];
  for (let end = sorted.length; end > 0; end = begins[end]) lists.push(sorted.slice(begins[end], end));
  return lists.reverse();
}

/** Of `tokens` that attend to each other. */
export function squareCost({ token, pair }: TokenCosts, tokens: number): number {
  return tokens * (token + tokens * pair);
}

/** The tree of rows that are neighbours in sorted order. */
export function treeOf(rows: readonly number[], inputs: ReadonlyMap<number, Int32Array>): TokenTree {
  const tree: TokenTree = { rows, ids: [], parents: [], positions: [], paths: [] };
  rows.forEach((index, place) => {
    const input = inputs.get(index) as Int32Array;
    const before = place === 0 ? undefined : (inputs.get(rows[place - 1]) as Int32Array);
    const shared = before ? commonTokens(before, input) : 0;
    const path = new Int32Array(input.length);
    if (shared > 0) path.set(tree.paths[place - 1].subarray(0, shared));
    for (let position = shared; position < input.length; position++) {
      path[position] = tree.ids.length;
      tree.ids.push(input[position]);
      tree.parents.push(position === 0 ? -1 : path[position - 1]);
      tree.positions.push(position);
    }
    tree.paths.push(path);
  });
  return tree;
}
