import { describe, expect, it } from 'vitest';
import { assign, divideRequests, sharesOf } from './shares.js';

describe('shares of a call', () => {
  it('are worth at least 512 tokens each', () => {
    expect([0, 1000, 1024, 5000].map((tokens) => sharesOf(tokens, 4))).toEqual([1, 1, 2, 4]);
  });

  it('take micro-batches so that all end at about the same time', () => {
    expect(assign([5, 9, 4, 3, 3], 2)).toEqual([
      [1, 3],
      [0, 2, 4],
    ]);
    expect(assign([], 2)).toEqual([[], []]);
  });

  const prompt = (length: number, first: number) => Array.from({ length }, (_, at) => (at === 0 ? first : at));

  it('take neighbouring requests', () => {
    const requests = [600, 100, 100, 400, 1200].map((length, at) => ({ promptIds: prompt(length, at) }));
    expect(divideRequests(requests, { maxTokens: 1 }, 2)).toEqual([4, 5]);
    expect(divideRequests(requests, { maxTokens: 1 }, 3)).toEqual([3, 4, 5]);
    expect(divideRequests(requests, { maxTokens: 1, maxBatch: 1 }, 3)).toEqual([5]);
    expect(divideRequests(requests.slice(1, 4), { maxTokens: 1 }, 2)).toEqual([3]);
  });

  it('count a shared beginning once, and leave those that share it together', () => {
    const group = (count: number, first: number) =>
      Array.from({ length: count }, () => ({ promptIds: prompt(810, first), sharedTokens: 800 }));
    expect(divideRequests([...group(5, 1), ...group(3, 2)], { maxTokens: 20 }, 2)).toEqual([5, 8]);
  });
});
