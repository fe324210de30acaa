import { expect, it } from 'vitest';
import type { Trajectory } from '../memory/trajectory.js';
import { miniBatches, type Row, trainingRows, weightedAdvantages } from './rows.js';

const [a, b, c] = ['a', 'b', 'c'].map((questionId) => ({ questionId }) as Trajectory);

function rowOf(rollout: Trajectory, more: Partial<Row> = {}): Row {
  return {
    promptIds: [1],
    completionIds: [2, 3],
    advantage: 2,
    sampledLogProbabilities: [-1, -2],
    turns: 2,
    kind: 'memory',
    cut: false,
    rollout,
    ...more,
  };
}

it('deals rows into mini-batches of nearly equal size, each row once', () => {
  const rows = [a, a, b, b, c].map((rollout) => rowOf(rollout));
  const dealt = miniBatches(rows, { miniBatches: 2, aggregation: 'token-mean' }, 1);
  expect(dealt.map(({ length }) => length)).toEqual([2, 3]);
  expect(new Set(dealt.flat())).toEqual(new Set(rows));
  expect(dealt.flat()).toHaveLength(5);
  expect(miniBatches(rows, { miniBatches: 1, aggregation: 'token-mean' }, 1)).toEqual([rows]);
  expect(miniBatches(rows.slice(0, 1), { miniBatches: 3, aggregation: 'token-mean' }, 1)).toEqual([[rows[0]]]);
});

it('keeps the turns of a rollout in one mini-batch for a mean over rollouts', () => {
  const rows = [a, b, c, a, b, c, a].map((rollout) => rowOf(rollout));
  for (const seed of [1, 2, 3, 4]) {
    const dealt = miniBatches(rows, { miniBatches: 2, aggregation: 'trajectory-mean' }, seed);
    const rollouts = dealt.map((batch) => new Set(batch.map(({ rollout }) => rollout)));
    expect(rollouts.map(({ size }) => size)).toEqual([1, 2]);
    expect(new Set(dealt.flat())).toEqual(new Set(rows));
  }
});

it('weighs the advantages of turns and of tokens by importance', () => {
  expect(weightedAdvantages(rowOf(a))).toEqual([2, 2]);
  expect(weightedAdvantages(rowOf(a, { importance: [0.5, 2] }))).toEqual([1, 4]);
  expect(weightedAdvantages(rowOf(a, { importance: [0.5, 2], advantages: [-1, 3] }))).toEqual([-0.5, 6]);
});

it('hands over old log-probabilities, and a weight for each token by kind and limit', () => {
  const rows = [rowOf(a), rowOf(a, { kind: 'answer', completionIds: [2], oldLogProbabilities: [-3] })];
  const memory = { memoryTokens: 10, answerTokens: 4 };
  const turnWeights = { memory: 1, answer: 3 };
  const given = trainingRows(rows, { aggregation: 'constant', turnCredit: 'share', turnWeights, memory });
  expect(given.map(({ oldLogProbabilities }) => oldLogProbabilities)).toEqual([[-1, -2], [-3]]);
  // 1 of 4 credits over 10, 3 of 4 over 4.
  expect(given.map(({ lossWeights }) => lossWeights)).toEqual([[1 / 40, 1 / 40], [3 / 16]]);
});
