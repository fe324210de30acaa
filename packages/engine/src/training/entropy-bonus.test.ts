/** The entropy bonus of the policy gradient, against the entropies that scoring gives and finite differences. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TrainingRow } from '../api.js';
import { EngineCore } from '../core.js';
import { openModel } from '../weights/open-model.js';

const config = {
  architecture: 'qwen3' as const,
  vocabularySize: 67,
  hiddenSize: 16,
  intermediateSize: 24,
  layers: 2,
  heads: 2,
  keyValueHeads: 1,
  headSize: 8,
  contextLength: 64,
  ropeTheta: 1e4,
  rmsNormEpsilon: 1e-6,
  tieWordEmbeddings: true,
};
const rows: TrainingRow[] = [
  { promptIds: [3, 8, 20], completionIds: [5, 9, 30], lossWeights: [0.5, 0.25, 0.125] },
  { promptIds: [7, 60], completionIds: [2], lossWeights: [0.125] },
].map((row) => ({
  ...row,
  advantages: row.completionIds.map(() => 0),
  oldLogProbabilities: row.completionIds.map(() => -4),
}));
const plain = { kind: 'policy-gradient', clipLow: 0.2, clipHigh: 0.2 } as const;
const bonus = { ...plain, entropyCoefficient: 2 };
const temperature = 1.5;
const maskedIds = [11, 12];

describe.each(['whole', 'layered'] as const)('entropy bonus, %s', (execution) => {
  let core: EngineCore;

  beforeAll(async () => {
    const model = await openModel({ config, seed: 2, standardDeviation: 0.3 });
    core = new EngineCore(model.config, model.parameters, model.files, { threads: 1, execution });
  });

  afterAll(() => core.close());

  const lossOf = async (loss: typeof bonus | typeof plain) =>
    (await core.forwardBackward(rows, { loss, temperature, maskedIds })).loss;

  it('is the weighted sum of the entropies', async () => {
    const scored = await core.score(rows, { temperature, maskedIds });
    const sum = scored.reduce(
      (total, { entropies }, row) =>
        entropies.reduce((own, entropy, token) => own + (rows[row].lossWeights?.[token] ?? 0) * entropy, total),
      0,
    );
    expect(sum).toBeGreaterThan(1);
    expect(await lossOf(plain)).toBe(0);
    expect(await lossOf(bonus)).toBeCloseTo(-2 * sum, 4);
    expect(await lossOf({ ...plain, entropyCoefficient: 0 })).toBe(0);
    core.zeroGradients();
  });

  it('has the gradient of finite differences', async () => {
    const names = ['model.norm.weight', 'model.layers.0.mlp.down_proj.weight', 'model.embed_tokens.weight'];
    await lossOf(bonus);
    const gradients = names.map((name) => Float32Array.from(core.gradientOf(name) as Float32Array));
    const step = 5e-3;
    for (const [at, name] of names.entries()) {
      const weight = core.weightOf(name) as Float32Array;
      // The place of the largest gradient, and the first row of a token that is read.
      const largest = gradients[at].reduce(
        (best, value, i, all) => (Math.abs(value) > Math.abs(all[best]) ? i : best),
        0,
      );
      for (const index of [largest, 3]) {
        const kept = weight[index];
        const moved = async (by: number) => {
          weight[index] = kept + by;
          return lossOf(bonus);
        };
        const slope = ((await moved(step)) - (await moved(-step))) / (2 * step);
        weight[index] = kept;
        expect(Math.abs(slope - gradients[at][index]), `${name} ${index}`).toBeLessThan(2e-3 + 0.01 * Math.abs(slope));
      }
      expect(Math.abs(gradients[at][largest])).toBeGreaterThan(0.02);
    }
  });

  it('makes the distribution flatter, step by step', async () => {
    const entropyOf = async () => {
      const scored = await core.score(rows, { temperature, maskedIds });
      return scored.flatMap(({ entropies }) => entropies).reduce((a, b) => a + b, 0);
    };
    const before = await entropyOf();
    core.zeroGradients();
    for (let step = 0; step < 3; step++) {
      await lossOf(bonus);
      await core.optimStep({ learningRate: 0.02 });
    }
    expect(await entropyOf()).toBeGreaterThan(before + 0.1);
  });
});
