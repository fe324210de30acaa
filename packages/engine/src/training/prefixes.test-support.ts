/** Shared prefixes and trees against the plain path, on the tiny models of the reference fixtures. */
import { expect } from 'vitest';
import type { ForwardBackwardOptions, TrainingRow } from '../api.js';
import { EngineCore } from '../core.js';
import { parameterShapes } from '../models/parameters.js';
import { Random } from '../random.js';
import { referencePath, relativeDifference } from '../reference.test-support.js';
import { loadPretrained } from '../weights/pretrained.js';

/** Groups of rows as (rows in the group, common input tokens, own tokens of the longest). */
type Shapes = readonly (readonly [rows: number, prefix: number, own: number])[];

/** Fewer tokens than any of the models has. */
const LEAST_VOCABULARY = 40;

export class Rows {
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

const PLANS = {
  whole: { execution: 'whole', microBatchTokens: 90, causalBlocks: 3 },
  layered: { execution: 'layered', logitBytes: 4 * 67 * 5, causalBlocks: 2 },
} as const;

/** Loss, metrics and every gradient of rows that share what they begin with are those without sharing. */
export async function expectSameWithoutSharing(
  architecture: string,
  plan: keyof typeof PLANS,
  layout: 'prefixes' | 'trees',
): Promise<void> {
  const { config, parameters, files } = await loadPretrained(referencePath(architecture, 'model'));
  const largestTree = layout === 'trees' ? 80 : 0;
  const open = (sharePrefixes: boolean) =>
    new EngineCore(config, parameters, files, { threads: 1, ...PLANS[plan], sharePrefixes, largestTree });
  const [shared, plain] = [open(true), open(false)];
  for (const [name, shapes] of Object.entries(SHAPES)) {
    const rows = new Rows().groups(shapes);
    const [found, wanted] = [await shared.forwardBackward(rows, OPTIONS), await plain.forwardBackward(rows, OPTIONS)];
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
}
