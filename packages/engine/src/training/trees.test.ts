/** Trees of rows: every row sees its own tokens, each token is computed once. Their numbers: prefixes.test.ts. */
import { describe, expect, it } from 'vitest';
import { packRows } from './batches.js';
import { inputTokens, sortRows } from './prefixes.js';
import { Rows } from './prefixes.test-support.js';
import { cutIntoTrees, treeOf } from './trees.js';

const costs = { token: 200, pair: 1 };
const row = (promptIds: number[], completionIds = [1]) => ({ promptIds, completionIds });

describe('a tree', () => {
  it('holds what rows have in common once, at any depth', () => {
    const rows = [row([1, 2, 3, 4]), row([1, 2, 5]), row([1, 2, 3, 6]), row([1, 2, 3, 4])];
    const { sorted, inputs } = sortRows(rows, [0, 1, 2, 3]);
    const tree = treeOf(sorted, inputs);
    expect(tree).toMatchObject({
      rows: [0, 3, 2, 1],
      ids: [1, 2, 3, 4, 6, 5],
      parents: [-1, 0, 1, 2, 2, 1],
      positions: [0, 1, 2, 3, 3, 2],
    });
    expect(tree.paths.map((path) => [...path])).toEqual([
      [0, 1, 2, 3],
      [0, 1, 2, 3],
      [0, 1, 2, 4],
      [0, 1, 5],
    ]);
  });

  it('follows every row from its first token to its last', () => {
    const rows = new Rows().groups([
      [9, 12, 6],
      [4, 3, 9],
      [5, 30, 2],
    ]);
    const { sorted, inputs } = sortRows(rows, [...rows.keys()]);
    for (const list of cutIntoTrees(rows, { sorted, inputs }, costs, { tokens: 160, targets: 999 })) {
      const { ids, parents, positions, paths } = treeOf(list, inputs);
      paths.forEach((path, member) => {
        expect([...path].map((token) => ids[token])).toEqual([...inputTokens(rows[list[member]])]);
        expect([...path].map((token) => positions[token])).toEqual([...path.keys()]);
        expect([...path].map((token) => parents[token])).toEqual([-1, ...path.slice(0, -1)]);
      });
    }
  });
});

describe('rows are cut', () => {
  const cut = (rows: ReturnType<typeof row>[], { of = costs, tokens = 160, targets = 999 } = {}) =>
    cutIntoTrees(rows, sortRows(rows, [...rows.keys()]), of, { tokens, targets });

  it('where they have nothing in common', () => {
    expect(cut([row([7, 1]), row([8, 1]), row([7, 2]), row([8, 2])])).toEqual([
      [0, 2],
      [1, 3],
    ]);
  });

  it('where comparing the tokens of a larger tree would cost more than computing common ones twice', () => {
    const rows = [row([1, 2, 3, 4]), row([1, 5, 6, 7])];
    expect(cut(rows)).toEqual([[0, 1]]);
    expect(cut(rows, { of: { token: 1, pair: 1 } })).toEqual([[0], [1]]);
  });

  it('where a tree would have too many tokens, or too many to score', () => {
    const rows = [row([1, 2, 3, 4, 5]), row([1, 2, 3, 4, 6]), row([1, 2, 3, 4, 7])];
    expect(cut(rows)).toHaveLength(1);
    expect(cut(rows, { tokens: 6 })).toHaveLength(2);
    expect(cut(rows, { targets: 2 })).toHaveLength(2);
    expect(cut(rows, { targets: 1 })).toHaveLength(3);
  });
});

it('are shared by rows of short prompts, and long common prefixes are not compared with all branches', () => {
  const sharing = { costs, largestTree: 2000 };
  const layouts = (rows: ReturnType<Rows['groups']>) =>
    packRows(rows, { tokens: 4096, targets: 4096 }, sharing).map(({ trees, prefixes }) => [!!trees, !!prefixes]);
  expect(layouts(new Rows().groups([[8, 20, 12]]))).toEqual([[true, false]]);
  expect(layouts(new Rows().groups([[8, 400, 40]]))).toEqual([[false, true]]);
});
