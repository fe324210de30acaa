/** Rows as the protocol sends them, and the numbers that come back. */
import { expect, it } from 'vitest';
import type { TrainingRow } from '../types.js';
import { policyDatum, weightedDatum } from './datum.js';
import { lossMetrics } from './loss-metrics.js';

const rows: TrainingRow[] = [
  {
    promptIds: [3, 4, 5],
    completionIds: [6, 7, 8, 9],
    advantages: [1, 1, 1, 1],
    oldLogProbabilities: [-4, -4.5, -3, -4],
    lossWeights: [0.1, 0.1, 0.1, 0.1],
  },
  {
    promptIds: [9, 3],
    completionIds: [5, 4],
    advantages: [-0.5, -0.5],
    oldLogProbabilities: [-3.5, -4.2],
    lossWeights: [0.2, 0.2],
  },
];
const ppo = { kind: 'policy-gradient', clipLow: 0.2, clipHigh: 0.28 } as const;

it('a row is shifted by one, and its prompt is silent', () => {
  const [row] = rows;
  expect(weightedDatum(row, [1, 2, 3, 4], 8)).toEqual({
    model_input: { chunks: [{ type: 'encoded_text', tokens: [3, 4, 5, 6, 7, 8, 9, 9] }] },
    loss_fn_inputs: {
      target_tokens: { data: [4, 5, 6, 7, 8, 9, 9, 9], dtype: 'int64', shape: [8] },
      weights: { data: [0, 0, 1, 2, 3, 4, 0, 0], dtype: 'float32', shape: [8] },
    },
  });
  const { advantages } = policyDatum(row, [0.1, 0.1, 0.1, 0.1], { scaling: 'average', rows: 2 }).loss_fn_inputs;
  expect(advantages.data).toEqual([0, 0, 0.8, 0.8, 0.8, 0.8]);
});

it('log-probabilities that are far apart give finite advantages and metrics', () => {
  const far = { ...rows[1], oldLogProbabilities: [-900, 0], referenceLogProbabilities: [0, -900] };
  const { advantages } = policyDatum(far, [1, 1], { klCoefficient: 1 }).loss_fn_inputs;
  expect(advantages.data).toEqual([0, -0.5, -0.5]);
  const { loss, metrics } = lossMetrics([far], [[0, -900]], [[1, 1]], { ...ppo, klCoefficient: 1 });
  expect([loss, metrics.ratioMax, metrics.kl].every(Number.isFinite)).toBe(true);
});
