/** Shared prefixes: the same numbers as without, and which rows share. `prefixes.slow.test.ts` has more families. */
import { describe, expect, it } from 'vitest';
import { LAYERED_FIRST } from '../reference.test-support.js';
import { inputLength, packRows } from './batches.js';
import { prefixGroups, sortRows } from './prefixes.js';
import { expectSameWithoutSharing, Rows } from './prefixes.test-support.js';

describe('loss and every gradient are those without sharing', () => {
  // Gemma's layers take turns with sliding windows.
  const families = [...LAYERED_FIRST, 'gemma3'];
  for (const layout of ['prefixes', 'trees'] as const) {
    it.each(families)(`%s, whole, ${layout}`, (family) => expectSameWithoutSharing(family, 'whole', layout));
  }
  it.each(LAYERED_FIRST)('%s, layered', (family) => expectSameWithoutSharing(family, 'layered', 'prefixes'));
  it('gemma3, layered, trees', () => expectSameWithoutSharing('gemma3', 'layered', 'trees'));
});

describe('rows of a call', () => {
  const row = (promptIds: number[], completionIds = [1, 2]) => ({ promptIds, completionIds });
  const budget = { tokens: 4096, targets: 4096 };
  const sharing = { costs: { token: 150, pair: 1 }, largestTree: 160 };

  it('share the prefixes that save the most tokens together', () => {
    const long = [1, 2, 3, 4, 5, 6, 7, 8];
    const rows = [
      row([...long, 11]),
      row([9, 9, 9, 9, 9, 20]),
      row([...long, 12]),
      row([1, 2, 30, 31, 32, 33, 34, 35, 36, 37]),
      row([9, 9, 9, 9, 9, 21]),
      row([...long, 11]),
      row([1, 2, 30, 31, 32, 33, 34, 35, 36, 38]),
    ];
    const all = rows.map((_, index) => index);
    expect(prefixGroups(sortRows(rows, all))).toEqual({
      groups: [
        { rows: [0, 5, 2], prefix: 8 },
        { rows: [3, 6], prefix: 9 },
        { rows: [1, 4], prefix: 5 },
      ],
      alone: [],
    });
  });

  it('keep separate tokens, even if the texts are the same', () => {
    expect(prefixGroups(sortRows([row([5, 6, 7]), row([5, 6, 7])], [0, 1])).groups).toEqual([
      { rows: [0, 1], prefix: 3 },
    ]);
  });

  it('that have little in common are separate', () => {
    const rows = [row([1, 2, 3, 4, 5, 6, 7, 8]), row([1, 9, 3, 4, 5, 6, 7, 8])];
    expect(prefixGroups(sortRows(rows, [0, 1]))).toEqual({ groups: [], alone: [0, 1] });
  });

  it('are each scored once, within the budget, with fewer tokens than without sharing', () => {
    const rows = new Rows().groups([
      [16, 40, 8],
      [12, 33, 20],
      [1, 0, 30],
      [2, 60, 3],
    ]);
    for (const tokens of [64, 150, 400, 4096]) {
      const batches = packRows(rows, { tokens, targets: 50 }, sharing);
      expect(batches.flatMap((batch) => batch.rowIndices).sort((a, b) => a - b)).toEqual(rows.map((_, i) => i));
      for (const { ids, rowIndices, targets } of batches) {
        expect(ids.length <= tokens || rowIndices.length === 1).toBe(true);
        expect(targets.length <= 50 || rowIndices.length === 1).toBe(true);
      }
    }
    const computed = packRows(rows, budget, sharing).reduce((sum, { ids }) => sum + ids.length, 0);
    expect(computed).toBeLessThan(0.6 * rows.reduce((sum, each) => sum + inputLength(each), 0));
  });
});
