/** Shared prefixes against the plain path, on the tiny models of the reference fixtures. */
import { describe, expect, it } from 'vitest';
import type { ForwardBackwardOptions, TrainingRow } from '../api.js';
import { EngineCore } from '../core.js';
import { parameterShapes } from '../models/parameters.js';
import { Random } from '../random.js';
import { ARCHITECTURES, referencePath, relativeDifference } from '../reference.test-support.js';
import { loadPretrained } from '../weights/pretrained.js';
import { inputLength, packRows } from './batches.js';
import { prefixGroups } from './prefixes.js';

/** Groups of rows as (rows in the group, common input tokens, own tokens of the longest). */
type Shapes = readonly (readonly [rows: number, prefix: number, own: number])[];

/** Fewer tokens than any of the models has. */
const LEAST_VOCABULARY = 40;

class Rows {
  readonly #random = new Random(7);

  int(below: number): number {
    return Math.floor(this.#random.uniform() * below);
  }

  ids(count: number): number[] {
    return Array.from({ length: count }, () => this.int(LEAST_VOCABULARY));
  }

  /** Rows whose completions begin in the prefix or after it, with any number of own tokens from 1 on. */
  groups(shapes: Shapes): TrainingRow[] {
    return shapes.flatMap(([count, prefix, own]) => {
      const common = this.ids(prefix);
      return Array.from({ length: count }, (_, member) => {
        const rest = this.ids(member === 0 ? own : 1 + this.int(own));
        const input = [...common, ...rest];
        const prompt = 1 + this.int(input.length);
        const completionIds = [...input.slice(prompt), this.int(LEAST_VOCABULARY)];
        const numbers = () => completionIds.map(() => this.#random.uniform() - 0.5);
        return {
          promptIds: input.slice(0, prompt),
          completionIds,
          advantages: numbers(),
          oldLogProbabilities: completionIds.map(() => -4 - this.#random.uniform() / 10),
          lossWeights: completionIds.map(() => this.#random.uniform() / 100),
        };
      });
    });
  }
}

const OPTIONS: ForwardBackwardOptions = {
  loss: { kind: 'policy-gradient', clipLow: 0.2, clipHigh: 0.28 },
  temperature: 0.7,
  maskedIds: [3, 5],
};

const SHAPES: Record<string, Shapes> = {
  'a group of two': [[2, 9, 4]],
  'a group of sixteen': [[16, 20, 5]],
  'all tokens but one': [[5, 24, 1]],
  'groups of several sizes, and rows alone': [
    [8, 21, 7],
    [1, 0, 12],
    [5, 30, 3],
    [4, 12, 9],
    [1, 17, 4],
    [3, 1, 20],
  ],
  'nothing in common': [
    [1, 0, 9],
    [1, 0, 5],
  ],
};

for (const architecture of ARCHITECTURES) {
  describe(`${architecture}: loss and every gradient are those without sharing`, () => {
    it.each([
      ['whole', { execution: 'whole', microBatchTokens: 90, causalBlocks: 3 }],
      ['layered', { execution: 'layered', logitBytes: 4 * 67 * 5, causalBlocks: 2 }],
    ] as const)('%s', async (_, plan) => {
      const { config, parameters, files } = await loadPretrained(referencePath(architecture, 'model'));
      const open = (sharePrefixes: boolean) =>
        new EngineCore(config, parameters, files, { threads: 1, ...plan, sharePrefixes });
      const [shared, plain] = [open(true), open(false)];
      for (const [name, shapes] of Object.entries(SHAPES)) {
        const rows = new Rows().groups(shapes);
        const [found, wanted] = [
          await shared.forwardBackward(rows, OPTIONS),
          await plain.forwardBackward(rows, OPTIONS),
        ];
        expect(Math.abs(found.loss / wanted.loss - 1), name).toBeLessThan(1e-5);
        const flat = (result: typeof found) => result.logProbabilities.flat();
        expect(relativeDifference(flat(found), flat(wanted)), name).toBeLessThan(1e-5);
        for (const parameter of parameterShapes(config).keys()) {
          const [a, b] = [shared, plain].map((core) => core.gradientOf(parameter) as Float32Array);
          expect(relativeDifference(a, b), `${name}: ${parameter}`).toBeLessThan(1e-5);
        }
        for (const core of [shared, plain]) core.zeroGradients();
        const [scored, expected] = [await shared.score(rows), await plain.score(rows)];
        scored.forEach((row, at) => {
          expect(relativeDifference(row.logProbabilities, expected[at].logProbabilities), name).toBeLessThan(1e-5);
          expect(relativeDifference(row.entropies, expected[at].entropies), name).toBeLessThan(1e-5);
        });
      }
      await Promise.all([shared.close(), plain.close()]);
    });
  });
}

describe('rows of a call', () => {
  const row = (promptIds: number[], completionIds = [1, 2]) => ({ promptIds, completionIds });
  const budget = { tokens: 4096, targets: 4096 };

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
    expect(prefixGroups(rows, all)).toEqual({
      groups: [
        { rows: [0, 5, 2], prefix: 8 },
        { rows: [3, 6], prefix: 9 },
        { rows: [1, 4], prefix: 5 },
      ],
      alone: [],
    });
  });

  it('keep separate tokens, even if the texts are the same', () => {
    expect(prefixGroups([row([5, 6, 7]), row([5, 6, 7])], [0, 1]).groups).toEqual([{ rows: [0, 1], prefix: 3 }]);
  });

  it('that have little in common are separate', () => {
    const rows = [row([1, 2, 3, 4, 5, 6, 7, 8]), row([1, 9, 3, 4, 5, 6, 7, 8])];
    expect(prefixGroups(rows, [0, 1])).toEqual({ groups: [], alone: [0, 1] });
  });

  it('are each scored once, within the budget, with fewer tokens than without sharing', () => {
    const rows = new Rows().groups([
      [16, 40, 8],
      [12, 33, 20],
      [1, 0, 30],
      [2, 60, 3],
    ]);
    for (const tokens of [64, 150, 400, 4096]) {
      const batches = packRows(rows, { tokens, targets: 50 });
      expect(batches.flatMap((batch) => batch.rowIndices).sort((a, b) => a - b)).toEqual(rows.map((_, i) => i));
      for (const { ids, rowIndices, targets } of batches) {
        expect(ids.length <= tokens || rowIndices.length === 1).toBe(true);
        expect(targets.length <= 50 || rowIndices.length === 1).toBe(true);
      }
    }
    const computed = packRows(rows, budget).reduce((sum, { ids }) => sum + ids.length, 0);
    expect(computed).toBeLessThan(0.6 * rows.reduce((sum, each) => sum + inputLength(each), 0));
  });
});
