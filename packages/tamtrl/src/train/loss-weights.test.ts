import { expect, it } from 'vitest';
import { lossWeights } from './loss-weights.js';

const rows = [
  { tokens: 2, turns: 1 },
  { tokens: 3, turns: 2 },
  { tokens: 5, turns: 2 },
];

function expectClose(found: number[], wanted: number[]): void {
  expect(found).toHaveLength(wanted.length);
  wanted.forEach((value, at) => {
    expect(found[at]).toBeCloseTo(value, 12);
  });
}

it('token mean: 1 / tokens of the batch', () => {
  expectClose(lossWeights(rows, 'token-mean', 'share'), [0.1, 0.1, 0.1]);
});

it('sequence mean: 1 / (sequences x own tokens)', () => {
  expectClose(lossWeights(rows, 'sequence-mean', 'share'), [1 / 6, 1 / 9, 1 / 15]);
});

it('split credit: a turn of two counts half', () => {
  // Token mean: 2 + 3/2 + 5/2 = 6 token credits.
  expectClose(lossWeights(rows, 'token-mean', 'split'), [1 / 6, 1 / 12, 1 / 12]);
  // Sequence mean: 1 + 1/2 + 1/2 = 2 credits, each spread over its tokens.
  expectClose(lossWeights(rows, 'sequence-mean', 'split'), [1 / 4, 1 / 12, 1 / 20]);
});

it('weights times tokens add up to 1, rows without tokens aside', () => {
  const withEmpty = [...rows, { tokens: 0, turns: 3 }];
  for (const aggregation of ['token-mean', 'sequence-mean'] as const) {
    for (const credit of ['share', 'split'] as const) {
      const weights = lossWeights(withEmpty, aggregation, credit);
      expect(weights[3]).toBe(0);
      expect(withEmpty.reduce((sum, { tokens }, at) => sum + tokens * weights[at], 0)).toBeCloseTo(1, 12);
    }
  }
  expect(lossWeights([{ tokens: 0, turns: 1 }], 'token-mean', 'share')).toEqual([0]);
});

it('trajectory mean: 1 / (rollouts x tokens of the own one)', () => {
  // Rollout a has 2 tokens, b has 3 + 5.
  const owned = rows.map((row, at) => ({ ...row, rollout: at === 0 ? 'a' : 'b' }));
  expectClose(lossWeights(owned, 'trajectory-mean', 'share'), [1 / 4, 1 / 16, 1 / 16]);
  // A rollout without tokens is none.
  const withEmpty = [...owned, { tokens: 0, turns: 1, rollout: 'c' }];
  expectClose(lossWeights(withEmpty, 'trajectory-mean', 'share'), [1 / 4, 1 / 16, 1 / 16, 0]);
});

it('constant (Dr. GRPO): 1 / (sequences x limit), whatever the length', () => {
  const limited = rows.map((row, at) => ({ ...row, limit: at === 2 ? 4 : 10 }));
  expectClose(lossWeights(limited, 'constant', 'share'), [1 / 30, 1 / 30, 1 / 12]);
});

it('weights of turns: three times as much for the first', () => {
  const weighed = rows.map((row, at) => ({ ...row, weight: at === 0 ? 3 : 1 }));
  // 3 x 2 + 3 + 5 = 14 token credits; 3 + 1 + 1 = 5 sequence credits.
  expectClose(lossWeights(weighed, 'token-mean', 'share'), [3 / 14, 1 / 14, 1 / 14]);
  expectClose(lossWeights(weighed, 'sequence-mean', 'share'), [3 / 10, 1 / 15, 1 / 25]);
  // Rollout b has 2 x 3 + 5 = 11 token credits.
  const owned = rows.map((row, at) => ({ ...row, rollout: at === 0 ? 'a' : 'b', weight: at === 1 ? 2 : 1 }));
  expectClose(lossWeights(owned, 'trajectory-mean', 'share'), [1 / 4, 2 / 22, 1 / 22]);
  // 4 sequence credits, of lengths 10.
  const limited = owned.map((row) => ({ ...row, limit: 10 }));
  expectClose(lossWeights(limited, 'constant', 'share'), [1 / 40, 2 / 40, 1 / 40]);
  expectClose(lossWeights([{ ...rows[0], weight: 0 }, rows[1]], 'token-mean', 'share'), [0, 1 / 3]);
});
