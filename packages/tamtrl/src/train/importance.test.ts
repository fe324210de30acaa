import { expect, it } from 'vitest';
import { importanceSchema, importanceWeights } from './importance.js';

const logs = (...probabilities: number[]) => probabilities.map(Math.log);
const weights = (more: object = {}) =>
  // Ratios 0.5 / 0.25 = 2, 0.1 / 0.2 = 0.5, 0.9 / 0.3 = 3.
  importanceWeights(logs(0.5, 0.1, 0.9), logs(0.25, 0.2, 0.3), importanceSchema.parse(more));

function expectClose(found: readonly number[], wanted: readonly number[]): void {
  expect(found).toHaveLength(wanted.length);
  wanted.forEach((value, at) => void expect(found[at]).toBeCloseTo(value, 12));
}

it('weighs tokens by trainer over sampler, up to the cap', () => {
  expectClose(weights(), [2, 0.5, 2]);
  expectClose(weights({ cap: 5 }), [2, 0.5, 3]);
});

it('weighs whole outputs by the product of their ratios', () => {
  // 2 x 0.5 x 3 = 3.
  expectClose(weights({ level: 'sequence' }), [2, 2, 2]);
  expectClose(weights({ level: 'sequence', cap: 5 }), [3, 3, 3]);
});

it('takes unknown log-probabilities as equal', () => {
  expect(importanceWeights([-1, -2], [Number.NaN, -2], { cap: 2, level: 'token' })).toEqual([1, 1]);
  expect(importanceWeights([-1, -2], [-1, -90], { cap: 1e9, level: 'token' })[1]).toBeCloseTo(Math.exp(20), 0);
});
