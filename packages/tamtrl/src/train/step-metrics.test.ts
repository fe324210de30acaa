import { expect, it } from 'vitest';
import type { Trajectory } from '../memory/trajectory.js';
import type { Row } from './rows.js';
import { type StepParts, stepMetrics } from './step-metrics.js';

const rollout = { questionId: 'q' } as Trajectory;

function rowOf(sampledLogProbabilities: number[], more: Partial<Row>): Row {
  const completionIds = sampledLogProbabilities.map(() => 1);
  const plain = { promptIds: [1], turns: 2, kind: 'memory', cut: false, advantage: 0, rollout } as const;
  return { ...plain, completionIds, sampledLogProbabilities, ...more };
}

const rows = [
  rowOf([-1.5, -2], { importance: [2, 1] }),
  rowOf([Number.NaN], { advantages: [0.5], advantage: 0.5, importance: [0.5] }),
  // Some of its tokens have an advantage, though they add up to nothing.
  rowOf([-1, -1, -1], { advantages: [0.5, 0, -0.5] }),
  rowOf([-1, -1], { advantages: [0, 0] }),
];

function updateOf(logProbabilities: number[][], loss: number, of: object, skipped = false) {
  const metrics = { tokens: 1, totalTokens: 10, entropy: 1, clipFraction: 0, ratioMean: 1, ratioMax: 1, kl: 0 };
  const result = { loss, logProbabilities, metrics: { ...metrics, approximateKl: 0, microBatches: 1, ...of } };
  return { batch: rows.slice(0, 2), result, optim: { gradientNorm: loss, skipped, step: 1 }, scored: 4 };
}

function metricsOf(updates: StepParts['updates']) {
  return stepMetrics({
    step: 1,
    learningRate: 1,
    collected: { kept: [], dropped: 0, drawn: 0, rounds: 1 },
    drawn: [],
    rows,
    frames: { update: () => [], format: { boxed: false } } as unknown as StepParts['frames'],
    updates,
    scorings: 1,
    staleness: 0,
    seconds: {},
  });
}

it('counts rows with advantage 0, and how far sampler and trainer are apart before the first update', () => {
  const first = updateOf([[-1, -2], [-9]], 1, {});
  const metrics = metricsOf([first, updateOf([[-5, -5], [-5]], 3, {})]);
  expect(metrics.zero_advantage_rate).toBe(0.5);
  // |-1.5 + 1| = 0.5 and 0; what the sampler does not tell is left out.
  expect(metrics.sampler_trainer_difference).toBe(0.25);
  expect(metrics.importance_weight).toBeCloseTo(3.5 / 3, 12);
  // Rows: 8 tokens and 4 of prompts; twice 4 for the ratios.
  expect(metrics.tokens).toMatchObject({ scored: 12 + 8, trained: 20 });
});

it('takes means over tokens, the largest ratio, and counts updates that were skipped', () => {
  const known = [[-1, -2], [-9]];
  const small = updateOf(known, 1, { tokens: 1, entropy: 1, clipFraction: 0.5, ratioMax: 1.5, approximateKl: 0.4 });
  const large = updateOf(known, 3, { tokens: 3, entropy: 2, clipFraction: 0.1, ratioMax: 1.2, kl: 0.4 }, true);
  const metrics = metricsOf([small, large]);
  expect(metrics).toMatchObject({ loss: 2, gradient_norm: 2, entropy: 1.75, ratio_max: 1.5, updates: 2 });
  expect(metrics.skipped_updates).toBe(1);
  expect([metrics.clip_fraction, metrics.kl, metrics.approximate_kl]).toEqual([
    expect.closeTo(0.2, 12),
    expect.closeTo(0.3, 12),
    expect.closeTo(0.1, 12),
  ]);
  expect(metricsOf([])).toMatchObject({ updates: 0, entropy: 0, sampler_trainer_difference: 0 });
});
