import { expect, it } from 'vitest';
import { combineRewards } from './combine.js';
import { parseGrade } from './judge.js';
import type { RewardMethod } from './method.js';
import { chosenMethod, methodNamed, rewardMethods } from './methods.js';
import { minMaxScores, normalizeScores } from './score-normalization.js';
import { teacherScore } from './tamtrl.js';

/** Two groups: two rollouts of two turns, and one rollout of one turn. */
const scores = [
  [
    [-4, -1],
    [-2, -1],
  ],
  [[-6]],
];

it('min-max over each scope; what cannot be compared is 0.5', () => {
  expect(minMaxScores(scores, 'turn')).toEqual([
    [
      [0, 0.5],
      [1, 0.5],
    ],
    [[0.5]],
  ]);
  // -4 … -1
  expect(minMaxScores(scores, 'group')).toEqual([
    [
      [0, 1],
      [2 / 3, 1],
    ],
    [[0.5]],
  ]);
  expect(minMaxScores(scores, 'trajectory')).toEqual([
    [
      [0, 1],
      [0, 1],
    ],
    [[0.5]],
  ]);
  // -6 … -1
  expect(minMaxScores(scores, 'batch')).toEqual([
    [
      [0.4, 1],
      [0.8, 1],
    ],
    [[0]],
  ]);
});

it('scores that differ by rounding alone are equal', () => {
  expect(minMaxScores([[[0.3], [0.3 + 1e-9]]], 'turn')).toEqual([[[0.5], [0.5]]]);
  expect(minMaxScores([[[0.3], [0.31]]], 'turn', 0.02)).toEqual([[[0.5], [0.5]]]);
  expect(minMaxScores([[[0.25], [0.5]]], 'turn', 0.02)).toEqual([[[0], [1]]]);
});

it('rollouts without memory turns, and ragged ones', () => {
  expect(minMaxScores([[[], []]], 'turn')).toEqual([[[], []]]);
  expect(minMaxScores([[[1, 5], [3]]], 'turn')).toEqual([[[0, 0.5], [1]]]);
});

it('the score of a memory: sum, mean, probability', () => {
  const logProbabilities = [-1, -2, -3];
  const score = (lengthNormalize: boolean, scale: 'mean-prob' | 'logprob' | 'prob') =>
    teacherScore(logProbabilities, { lengthNormalize, scale });
  expect(score(false, 'logprob')).toBe(-6);
  expect(score(true, 'logprob')).toBe(-2);
  expect(score(false, 'prob')).toBeCloseTo(Math.exp(-6), 12);
  expect(score(true, 'prob')).toBeCloseTo(Math.exp(-2), 12);
  // Eq. 4: the probabilities are 0.368, 0.135 and 0.050.
  expect(score(true, 'mean-prob')).toBeCloseTo((0.36787944 + 0.13533528 + 0.04978707) / 3, 8);
  expect(score(false, 'mean-prob')).toBeCloseTo(0.55300179, 8);
  // Nothing written: probability 1.
  expect(teacherScore([], { lengthNormalize: true, scale: 'mean-prob' })).toBe(1);
  expect(teacherScore([], { lengthNormalize: true, scale: 'logprob' })).toBe(0);
  expect(teacherScore([], { lengthNormalize: true, scale: 'prob' })).toBe(1);
});

it('other scales: rank, z-score, and min-max with an epsilon', () => {
  const scores = [[[0.9], [0.1], [0.1], [0.3], [100]]];
  const options = { minmax: true, scope: 'turn' } as const;
  // Of five: two share the ranks 1 and 2, so (0 + 1/2) / 4; then 2/4, 3/4, 4/4. The outlier squeezes nobody.
  expect(normalizeScores(scores, { ...options, scaling: 'rank' })).toEqual([[[0.75], [0.125], [0.125], [0.5], [1]]]);
  expect(normalizeScores([[[7]]], { ...options, scaling: 'rank' })).toEqual([[[0.5]]]);
  // 1, 2, 3: mean 2, deviation 1.
  const [[[low], [middle], [high]]] = normalizeScores([[[1], [2], [3]]], { ...options, scaling: 'z-score' });
  expect([low, middle, high]).toEqual([expect.closeTo(-1, 5), 0, expect.closeTo(1, 5)]);
  // (2 - 1) / (2 + 0.5) and 2 / 2.5.
  expect(normalizeScores([[[1], [2], [3]]], { ...options, minmaxEpsilon: 0.5 })).toEqual([[[0], [0.4], [0.8]]]);
  expect(normalizeScores(scores, { ...options, minmax: false, scaling: 'rank' })).toEqual(scores);
});

it('rank and z-score, like min-max, take scores that differ by rounding as equal, within each scope', () => {
  const near = [[[0.3], [0.3 + 1e-9], [0.5]]];
  // Ranks 1 and 2 shared, and 3: 0.5 / 2, 0.5 / 2, 2 / 2.
  const options = { minmax: true, scope: 'turn' } as const;
  expect(normalizeScores(near, { ...options, scaling: 'rank' })).toEqual([[[0.25], [0.25], [1]]]);
  expect(normalizeScores(near, { ...options, scaling: 'rank', minmaxTolerance: 0.5 })).toEqual([[[0.5], [0.5], [0.5]]]);
  expect(normalizeScores([[[0.3], [0.3 + 1e-9]]], { ...options, scaling: 'z-score' })).toEqual([[[0], [0]]]);
  expect(normalizeScores(near, { ...options, scaling: 'z-score', minmaxTolerance: 0.5 })).toEqual([[[0], [0], [0]]]);
  // The first turns are 1 and 3, the second ones 20 and 10.
  const turns = [
    [
      [1, 20],
      [3, 10],
    ],
  ];
  expect(normalizeScores(turns, { ...options, scaling: 'rank' })).toEqual([
    [
      [0, 1],
      [1, 0],
    ],
  ]);
  const [[[low, high]]] = normalizeScores(turns, { ...options, scaling: 'z-score' });
  // Distance to the mean over the deviation: 1 over sqrt(2), and 5 over sqrt(50).
  expect([low, high]).toEqual([expect.closeTo(-Math.SQRT1_2, 5), expect.closeTo(Math.SQRT1_2, 5)]);
});

it('outcome and scores combined; the answer keeps the outcome', () => {
  const combine = (outcome: number, combine: 'product' | 'gated' | 'additive', alpha = 0.5) =>
    combineRewards(outcome, 2, [0.4, 1], { combine, alpha });
  expect(combine(1, 'product')).toEqual([0.4, 1, 1]);
  expect(combine(0, 'product')).toEqual([0, 0, 0]);
  expect(combine(1, 'gated')).toEqual([1.2, 1.5, 1]);
  expect(combine(0, 'gated')).toEqual([0, 0, 0]);
  expect(combine(1, 'additive')).toEqual([1.2, 1.5, 1]);
  expect(combine(0, 'additive')).toEqual([0.2, 0.5, 0]);
  // The score alone; 0.8 x 1 + 0.2 x 0.4 and 0.8 x 1 + 0.2 x 1; 0.5 + 0.5 x 0.4 and 0.5 + 0.5 x 1.
  expect(combineRewards(1, 2, [0.4, 1], { combine: 'score', alpha: 1 })).toEqual([0.4, 1, 1]);
  expect(combineRewards(1, 2, undefined, { combine: 'score', alpha: 1 })).toEqual([0, 0, 1]);
  expect(combineRewards(1, 1, [0.4], { combine: 'advantages', alpha: 0.2 })[0]).toBeCloseTo(0.88, 12);
  expect(combineRewards(1, 2, [0.4, 1], { combine: 'product', alpha: 1, floor: 0.5 })).toEqual([0.7, 1, 1]);
  // Without scores: MemAgent.
  expect(combineRewards(1, 3, undefined, { combine: 'product', alpha: 1 })).toEqual([1, 1, 1, 1]);
  // A document without chunks.
  expect(combineRewards(1, 0, [], { combine: 'product', alpha: 1 })).toEqual([1]);
});

it('grades of a judge', () => {
  expect(parseGrade('The fact is there.\nGrade: 7')).toBe(0.7);
  expect(parseGrade('Grade: 2, no: **Grade:** 10')).toBe(1);
  expect(parseGrade('<think>Grade: 1</think>\nGrade: 0')).toBe(0);
  expect(parseGrade(' 8/10 ')).toBe(0.8);
  expect(parseGrade('5.5')).toBe(0.55);
  for (const reply of ['', 'good', 'Grade: 11', 'Grade: -3', 'I saw 3 facts'])
    expect(parseGrade(reply)).toBeUndefined();
});

it('methods by name', () => {
  const names = rewardMethods.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const name of ['tamtrl', 'memagent', 'judge', 'prm']) expect(methodNamed(name).name).toBe(name);
  expect(methodNamed('memagent').summary).toContain('outcome only');
  expect(() => methodNamed('grpo')).toThrow(/There is no method "grpo"; expected one of: tamtrl, memagent, /);
});

it('your own method is accepted, unless it is not a method or has the name of another', () => {
  const own: RewardMethod = { name: 'own', summary: 'mine', requires: {}, turnScores: async () => ({}) };
  expect(chosenMethod(own)).toBe(own);
  expect(chosenMethod('prm')).toBe(methodNamed('prm'));
  expect(chosenMethod(methodNamed('prm'))).toBe(methodNamed('prm'));
  expect(() => chosenMethod({ ...own, name: 'tamtrl' })).toThrow('tamtrl has a method "tamtrl" already.');
  expect(() => chosenMethod({ name: 'half' } as RewardMethod)).toThrow(
    'A reward method needs requires (an object, {} if it needs nothing), turnScores (a function); the one given lacks',
  );
});
