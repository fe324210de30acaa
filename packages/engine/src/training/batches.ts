/** Packs rows of different lengths into micro-batches within a token budget, sorted by length to keep padding small. */
import type { ScoreRow, TrainingRow } from '../api.js';
import { EngineError } from '../errors.js';
import type { ModelConfig } from '../models/config.js';
import { inputTokens, type PrefixGroup, prefixGroups, sortRows } from './prefixes.js';
import { cutIntoTrees, squareCost, type TokenCosts, type TokenTree, treeOf } from './trees.js';

/**
 * B sequences padded at the end to T tokens, and the M places whose next token is scored. Sequences that share prefixes
 * are suffixes: B / G of each of G prefixes, which are padded to P tokens and come first.
 */
export interface MicroBatch {
  /** The call's rows whose tokens are scored, in the order of `targets`. */
  rowIndices: number[];
  /** B and T. */
  sequences: number;
  length: number;
  /** P, and the G prefixes' lengths without padding. */
  prefixes?: { length: number; lengths: number[] };
  /** The sequences are trees: the token before each token in its tree (-1 for none), and its position. [B x T] each */
  trees?: { parents: Int32Array; positions: Int32Array };
  /** Input tokens, 0 where padded. [G x P + B x T] */
  ids: Int32Array;
  /** Flat indices into `ids` of hidden states that predict a completion token. [M] */
  rows: number[];
  /** The completion tokens. [M] */
  targets: number[];
  /** Input tokens of the rows, which is more than are computed where prefixes are shared. */
  tokens: number;
}

export interface Budget {
  /** Padded tokens of a micro-batch. */
  tokens: number;
  /** Scored tokens of a micro-batch. */
  targets: number;
}

/** How rows that begin with the same tokens may share the computing of them. */
export interface Sharing {
  costs: TokenCosts;
  /** Tokens of a tree of several rows, at most. */
  largestTree: number;
}

/** Number of a row's tokens that the model reads: all but the last, which is only predicted. */
export function inputLength(row: ScoreRow): number {
  return row.promptIds.length + row.completionIds.length - 1;
}

/** @throws EngineError 'empty-prompt', 'prompt-too-long' or 'token-out-of-vocabulary', naming the row. */
export function checkRow(config: ModelConfig, row: ScoreRow, index: number): void {
  if (row.promptIds.length === 0) {
    throw new EngineError(
      'empty-prompt',
      `Row ${index} has an empty prompt: a model needs at least one token to continue.`,
    );
  }
  const total = row.promptIds.length + row.completionIds.length;
  if (total > config.contextLength) {
    throw new EngineError(
      'prompt-too-long',
      `Row ${index} has ${row.promptIds.length} prompt and ${row.completionIds.length} completion tokens, ` +
        `${total} in all; the model's window holds ${config.contextLength}. Shorten the prompt or the completion.`,
      { expected: `at most ${config.contextLength} tokens`, found: `${total}` },
    );
  }
  checkTokens(config, row.promptIds, `Row ${index}'s prompt`);
  checkTokens(config, row.completionIds, `Row ${index}'s completion`);
}

/** @throws EngineError 'token-out-of-vocabulary' naming `where`, the position and the token. */
export function checkTokens(config: ModelConfig, ids: readonly number[], where: string): void {
  for (let position = 0; position < ids.length; position++) {
    const id = ids[position];
    if (Number.isInteger(id) && id >= 0 && id < config.vocabularySize) continue;
    throw new EngineError(
      'token-out-of-vocabulary',
      `${where} has token ${id} at position ${position}; the model's vocabulary has ids 0 to ` +
        `${config.vocabularySize - 1}. Use the model's own tokenizer.`,
      { expected: `0 to ${config.vocabularySize - 1}`, found: `${id}` },
    );
  }
}

/**
 * Micro-batches in which every row with a completion appears once, within the budget (a single row, or a prefix with
 * one suffix, may exceed it). With `sharing`, rows that begin with the same tokens share them where that saves work.
 * The order depends only on the rows.
 */
export function packRows(rows: readonly ScoreRow[], budget: Budget, sharing?: Sharing): MicroBatch[] {
  const scored = rows.map((_, index) => index).filter((index) => rows[index].completionIds.length > 0);
  if (!sharing) return packSequences(rows, scored, budget);
  const all = sortRows(rows, scored);
  const limits = { tokens: Math.min(sharing.largestTree, budget.tokens), targets: budget.targets };
  const treesOf = (sorted: number[]) => cutIntoTrees(rows, { ...all, sorted }, sharing.costs, limits);
  // Long prefixes cost least as such: in a tree, every token would be compared with the tokens of all branches.
  const groups = prefixGroups(all).groups.filter(
    (group) => prefixCost(rows, group, sharing.costs) < treeCosts(treesOf(group.rows), all.inputs, sharing.costs),
  );
  const parts = groups.flatMap((group) => fittingParts(rows, group, budget));
  const grouped = new Set(groups.flatMap((group) => group.rows));
  const lists = treesOf(all.sorted.filter((index) => !grouped.has(index)));
  const single = [...parts.map((part) => part.rows), ...lists].filter((members) => members.length === 1).flat();
  const shared = packGroups(
    rows,
    parts.filter((part) => part.rows.length > 1),
    budget,
  );
  const trees = lists.filter((members) => members.length > 1).map((members) => treeOf(members, all.inputs));
  return [...shared, ...packTrees(rows, trees, budget), ...packSequences(rows, single, budget)];
}

/** Attention in two parts takes about this many times as long as its operations say (measured: docs/speed.md). */
const TWO_PARTS = 1.3;

function prefixCost(rows: readonly ScoreRow[], group: PrefixGroup, costs: TokenCosts): number {
  // Attention within prefixes leaves out about half of the keys, those after a piece of queries.
  let cost = group.prefix * (costs.token + (group.prefix * costs.pair) / 2);
  for (const index of group.rows) {
    const own = inputLength(rows[index]) - group.prefix;
    cost += own * (costs.token + (group.prefix + own) * costs.pair);
  }
  return TWO_PARTS * cost;
}

function treeCosts(lists: readonly number[][], inputs: ReadonlyMap<number, Int32Array>, costs: TokenCosts): number {
  return lists.reduce((sum, members) => sum + squareCost(costs, treeOf(members, inputs).ids.length), 0);
}

/** From this many tokens on, another run costs less than padding trees of less than this share of the largest. */
const ENOUGH_TOKENS = 512;
const LEAST_FILLED = 0.85;

/** Trees of similar sizes together, whose tokens are padded to the largest. */
function packTrees(rows: readonly ScoreRow[], trees: readonly TokenTree[], budget: Budget): MicroBatch[] {
  const order = [...trees].sort((a, b) => b.ids.length - a.ids.length || a.rows[0] - b.rows[0]);
  const batches: MicroBatch[] = [];
  for (let start = 0; start < order.length; ) {
    const length = order[start].ids.length;
    let end = start;
    let targets = 0;
    while (end < order.length) {
      targets += completionTokens(rows, order[end].rows);
      if (end > start && ((end + 1 - start) * length > budget.tokens || targets > budget.targets)) break;
      if ((end - start) * length >= ENOUGH_TOKENS && order[end].ids.length < LEAST_FILLED * length) break;
      end++;
    }
    batches.push(fillTrees(rows, order.slice(start, end), length));
    start = end;
  }
  return batches;
}

function fillTrees(rows: readonly ScoreRow[], trees: readonly TokenTree[], length: number): MicroBatch {
  const size = trees.length * length;
  const [ids, parents, positions] = [new Int32Array(size), new Int32Array(size).fill(-1), new Int32Array(size)];
  const batch: MicroBatch = {
    rowIndices: [],
    sequences: trees.length,
    length,
    trees: { parents, positions },
    ids,
    rows: [],
    targets: [],
    tokens: 0,
  };
  trees.forEach((tree, number) => {
    const start = number * length;
    ids.set(tree.ids, start);
    parents.set(tree.parents, start);
    positions.set(tree.positions, start);
    tree.rows.forEach((index, member) => {
      const { promptIds, completionIds } = rows[index];
      const path = tree.paths[member];
      batch.rowIndices.push(index);
      batch.tokens += path.length;
      for (let place = promptIds.length - 1; place < path.length; place++) batch.rows.push(start + path[place]);
      for (const id of completionIds) batch.targets.push(id);
    });
  });
  return batch;
}

function packSequences(rows: readonly ScoreRow[], indices: readonly number[], budget: Budget): MicroBatch[] {
  const order = [...indices].sort((a, b) => inputLength(rows[b]) - inputLength(rows[a]) || a - b);
  const batches: MicroBatch[] = [];
  for (let start = 0; start < order.length; ) {
    const length = inputLength(rows[order[start]]);
    let end = start;
    let targets = 0;
    while (end < order.length) {
      targets += rows[order[end]].completionIds.length;
      if (end > start && ((end + 1 - start) * length > budget.tokens || targets > budget.targets)) break;
      end++;
    }
    batches.push(fill(rows, [{ rows: order.slice(start, end), prefix: 0 }], { length, suffixes: end - start }));
    start = end;
  }
  return batches;
}

/** Where groups differ in size, padding may add at most this share to a micro-batch's real tokens. */
const MOST_PADDING = 0.5;

function packGroups(rows: readonly ScoreRow[], groups: readonly PrefixGroup[], budget: Budget): MicroBatch[] {
  // Groups of the same shape are adjacent, so that little is padded.
  const parts = [...groups].sort(
    (a, b) => b.rows.length - a.rows.length || b.prefix - a.prefix || a.rows[0] - b.rows[0],
  );
  const batches: MicroBatch[] = [];
  for (let start = 0; start < parts.length; ) {
    let end = start + 1;
    while (end < parts.length && fits(rows, parts.slice(start, end + 1), budget)) end++;
    const together = parts.slice(start, end);
    batches.push(fill(rows, together, shapeOf(rows, together)));
    start = end;
  }
  return batches;
}

/** The group in parts that fit into a micro-batch each. */
function fittingParts(rows: readonly ScoreRow[], group: PrefixGroup, budget: Budget): PrefixGroup[] {
  const parts: PrefixGroup[] = [];
  for (const index of group.rows) {
    const last = parts.at(-1);
    const grown = last && { ...last, rows: [...last.rows, index] };
    if (grown && fits(rows, [grown], budget)) parts[parts.length - 1] = grown;
    else parts.push({ prefix: group.prefix, rows: [index] });
  }
  return parts;
}

function shapeOf(rows: readonly ScoreRow[], groups: readonly PrefixGroup[]) {
  const most = (numbers: readonly number[]) => numbers.reduce((a, b) => Math.max(a, b));
  return {
    prefix: most(groups.map(({ prefix }) => prefix)),
    suffixes: most(groups.map(({ rows: members }) => members.length)),
    length: most(groups.flatMap((group) => group.rows.map((index) => inputLength(rows[index]) - group.prefix))),
  };
}

function fits(rows: readonly ScoreRow[], groups: readonly PrefixGroup[], budget: Budget): boolean {
  const { prefix, suffixes, length } = shapeOf(rows, groups);
  const padded = groups.length * (prefix + suffixes * length);
  const real = groups.reduce((sum, group) => {
    const own = group.rows.reduce((tokens, index) => tokens + inputLength(rows[index]) - group.prefix, 0);
    return sum + group.prefix + own;
  }, 0);
  const targets = groups.reduce((sum, group) => sum + completionTokens(rows, group.rows), 0);
  return padded <= budget.tokens && targets <= budget.targets && padded <= (1 + MOST_PADDING) * real;
}

function completionTokens(rows: readonly ScoreRow[], indices: readonly number[]): number {
  return indices.reduce((sum, index) => sum + rows[index].completionIds.length, 0);
}

/**
 * @param shape padded lengths of prefixes (absent if nothing is shared) and of what follows them, and the number of
 *   sequences for each group
 */
function fill(
  rows: readonly ScoreRow[],
  groups: readonly PrefixGroup[],
  shape: { prefix?: number; suffixes: number; length: number },
): MicroBatch {
  const { prefix = 0, suffixes, length } = shape;
  const sequences = groups.length * suffixes;
  const ids = new Int32Array(groups.length * prefix + sequences * length);
  const flat: number[] = [];
  const targets: number[] = [];
  let tokens = 0;
  groups.forEach((group, g) => {
    group.rows.forEach((index, member) => {
      const row = rows[index];
      const input = inputTokens(row);
      const suffixStart = groups.length * prefix + (g * suffixes + member) * length;
      if (member === 0) ids.set(input.subarray(0, group.prefix), g * prefix);
      ids.set(input.subarray(group.prefix), suffixStart);
      tokens += input.length;
      for (let j = 0; j < row.completionIds.length; j++) {
        const place = row.promptIds.length - 1 + j;
        flat.push(place < group.prefix ? g * prefix + place : suffixStart + place - group.prefix);
        targets.push(row.completionIds[j]);
      }
    });
  });
  return {
    rowIndices: groups.flatMap((group) => group.rows),
    sequences,
    length,
    ...(shape.prefix !== undefined && {
      prefixes: { length: shape.prefix, lengths: groups.map((group) => group.prefix) },
    }),
    ids,
    rows: flat,
    targets,
    tokens,
  };
}

/** Per-token numbers of a batch's rows in sequence, in the form of the graph's [M] inputs. */
export function gatherTokens(
  rows: readonly TrainingRow[],
  batch: MicroBatch,
  numbers: (row: TrainingRow) => readonly number[] | number,
): Float32Array {
  const result = new Float32Array(batch.targets.length);
  let offset = 0;
  for (const index of batch.rowIndices) {
    const row = rows[index];
    const values = numbers(row);
    if (typeof values === 'number') result.fill(values, offset, offset + row.completionIds.length);
    else result.set(values, offset);
    offset += row.completionIds.length;
  }
  return result;
}
