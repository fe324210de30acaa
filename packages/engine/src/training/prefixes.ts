/** Finds, from the token ids alone, which rows of a call should share the computing of a common prefix. */
import type { ScoreRow } from '../api.js';

/** Rows whose first `prefix` input tokens are the same. Every row has at least one input token after them. */
export interface PrefixGroup {
  rows: number[];
  prefix: number;
}

/**
 * Groups that save less than this share of their tokens are better read row by row: attention in two parts has its
 * costs (measured: docs/speed.md).
 */
const LEAST_SAVING = 0.3;

/** The tokens that the model reads: all but the last, which is only predicted. */
export function inputTokens({ promptIds, completionIds }: ScoreRow): Int32Array {
  const ids = new Int32Array(promptIds.length + completionIds.length - 1);
  ids.set(promptIds.slice(0, ids.length));
  ids.set(completionIds.slice(0, -1), promptIds.length);
  return ids;
}

/** Rows in the order of their tokens, where rows with a common prefix are neighbours. */
export interface SortedRows {
  sorted: number[];
  /** The input tokens of each. */
  inputs: ReadonlyMap<number, Int32Array>;
}

export function sortRows(rows: readonly ScoreRow[], indices: readonly number[]): SortedRows {
  const inputs = new Map(indices.map((index) => [index, inputTokens(rows[index])]));
  const of = (index: number) => inputs.get(index) as Int32Array;
  return { sorted: [...indices].sort((a, b) => compare(of(a), of(b)) || a - b), inputs };
}

/**
 * Groups of two and more of the rows that save the most tokens together, and the rows that are better read by
 * themselves. The result depends only on the rows' tokens and order.
 */
export function prefixGroups({ sorted, inputs }: SortedRows): { groups: PrefixGroup[]; alone: number[] } {
  const of = (index: number) => inputs.get(index) as Int32Array;
  // What a range of rows has in common is the least of its neighbours'. Each row keeps its last token for itself.
  const common = sorted.map((index, place) => (place === 0 ? 0 : commonPrefix(of(sorted[place - 1]), of(index))));

  /** The best groups among the rows at `start` to `end` (exclusive). */
  const best = (start: number, end: number): { saved: number; groups: PrefixGroup[] } => {
    if (end - start < 2) return { saved: 0, groups: [] };
    let prefix = Number.POSITIVE_INFINITY;
    for (let place = start + 1; place < end; place++) prefix = Math.min(prefix, common[place]);
    const parts = { saved: 0, groups: [] as PrefixGroup[] };
    for (let from = start, place = start + 1; place <= end; place++) {
      if (place < end && common[place] > prefix) continue;
      const part = best(from, place);
      parts.saved += part.saved;
      parts.groups.push(...part.groups);
      from = place;
    }
    const saved = (end - start - 1) * prefix;
    return saved > parts.saved ? { saved, groups: [{ rows: sorted.slice(start, end), prefix }] } : parts;
  };

  const groups = best(0, sorted.length).groups.filter(({ rows: members, prefix }) => {
    const tokens = members.reduce((sum, index) => sum + of(index).length, 0);
    return (members.length - 1) * prefix >= LEAST_SAVING * tokens;
  });
  const grouped = new Set(groups.flatMap((group) => group.rows));
  return { groups, alone: sorted.filter((index) => !grouped.has(index)).sort((a, b) => a - b) };
}

function compare(a: Int32Array, b: Int32Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}

/** Number of equal tokens at the start. */
export function commonTokens(a: Int32Array, b: Int32Array): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}

/** The same, where each row keeps its last token for itself. */
function commonPrefix(a: Int32Array, b: Int32Array): number {
  return Math.min(commonTokens(a, b), Math.min(a.length, b.length) - 1);
}
