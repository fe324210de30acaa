import { expect, it } from 'vitest';
import { groupAdvantages } from './advantages.js';

it('a turn is compared with the same turn of the other rollouts', () => {
  // Turn 0: mean of 1, 0, 0.5, 0.5 is 0.5. Turn 1: mean of 1, 1, 0, 0 is 0.5. Answers: mean of 1, 0, 0, 0 is 0.25.
  const rewards = [
    [1, 1, 1],
    [0, 1, 0],
    [0.5, 0, 0],
    [0.5, 0, 0],
  ];
  expect(groupAdvantages(rewards, 'mean')).toEqual([
    [0.5, 0.5, 0.75],
    [-0.5, 0.5, -0.25],
    [0, -0.5, -0.25],
    [0, -0.5, -0.25],
  ]);
});

it('with the standard deviation: n - 1 in the denominator, plus 1e-6, as in verl', () => {
  // 1, 0, 0, 0: mean 1/4, variance (9/16 + 3/16) / 3 = 1/4, deviation 1/2.
  const rewards = [[1], [0], [0], [0]];
  const [first, ...others] = groupAdvantages(rewards, 'mean-std').flat();
  expect(first).toBeCloseTo(0.75 / 0.500001, 12);
  for (const other of others) expect(other).toBeCloseTo(-0.25 / 0.500001, 12);
});

it('a group of one and equal rewards have no advantage', () => {
  for (const mode of ['mean', 'mean-std'] as const) {
    expect(groupAdvantages([[1, 0.3, 1]], mode)).toEqual([[0, 0, 0]]);
    // The mean of three 0.1 is not exactly 0.1 in binary.
    expect(groupAdvantages([[0.1], [0.1], [0.1]], mode)).toEqual([[0], [0], [0]]);
  }
});

it('no chunks: the answer is the only turn', () => {
  expect(groupAdvantages([[1], [0]], 'mean')).toEqual([[0.5], [-0.5]]);
});

it('rollouts with different numbers of turns: answers are compared with answers', () => {
  // Turn 0: 1 and 0. Turn 1: only the second rollout has it. Answers: 1 and 0.
  const rewards = [
    [1, 1],
    [0, 0.7, 0],
  ];
  expect(groupAdvantages(rewards, 'mean')).toEqual([
    [0.5, 0.5],
    [-0.5, 0, -0.5],
  ]);
});

it('outcome only: every turn gets R - mean(R), as in MemAgent', () => {
  const outcomes = [1, 0, 0, 1, 0];
  const advantages = groupAdvantages(
    outcomes.map((outcome) => [outcome, outcome, outcome]),
    'mean',
  );
  outcomes.forEach((outcome, at) => {
    for (const advantage of advantages[at]) expect(advantage).toBeCloseTo(outcome - 0.4, 12);
  });
});

it('Eq. 7: over all turns and rollouts of the question', () => {
  // Product rewards of two rollouts of two updates and an answer: mean 0.375 over the six, squares
  // (0.125^2 + 0.375^2 + 0.625^2 + 3 x 0.375^2) / 5.
  const rewards = [
    [0.5, 0.75, 1],
    [0, 0, 0],
  ];
  const spread = Math.sqrt((0.015625 + 0.140625 + 0.390625 + 3 * 0.140625) / 5);
  expect(groupAdvantages(rewards, 'question-mean')).toEqual([
    [0.125, 0.375, 0.625],
    [-0.375, -0.375, -0.375],
  ]);
  groupAdvantages(rewards, 'question-mean-std').forEach((rollout, i) => {
    rollout.forEach((advantage, t) => {
      expect(advantage).toBeCloseTo((rewards[i][t] - 0.375) / (spread + 1e-6), 12);
    });
  });
  // Rollouts of different length, and one without turns.
  expect(groupAdvantages([[1], [], [0, 0.5]], 'question-mean')).toEqual([[0.5], [], [-0.5, 0]]);
});

it('a group of one has advantages over the question: its turns differ', () => {
  expect(groupAdvantages([[0, 1]], 'question-mean')).toEqual([[-0.5, 0.5]]);
});

it('nothing to compare', () => {
  expect(groupAdvantages([], 'mean')).toEqual([]);
});
