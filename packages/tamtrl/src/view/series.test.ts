import { describe, expect, it } from 'vitest';
import type { MetricsLine } from '../train/metrics.js';
import { curveSet, POINTS, seedBand, widthFor } from './series.js';

/** Lines as they are read: only what matters here. */
const step = (number: number, reward: number, more: object = {}) =>
  ({ kind: 'step', step: number, reward, seconds: { train: 2 }, ...more }) as MetricsLine;
const evaluation = (number: number, score: number) =>
  ({
    kind: 'evaluation',
    step: number,
    questions: 100,
    metric: 'exact_match',
    score,
    exact_match: score,
  }) as MetricsLine;

describe('the numbers of a run', () => {
  it('are columns by step, those within others under their path', () => {
    const lines = [evaluation(0, 0.25), step(1, 0.5), step(2, 0.75, { memory_tokens_by_turn: [3, 4] })];
    const set = curveSet('run', { id: 'a', seed: 1, lines }, 1);
    expect(set.steps).toEqual([1, 2]);
    expect(set.columns.reward).toEqual({ mean: [0.5, 0.75] });
    expect(set.columns['seconds.train'].mean).toEqual([2, 2]);
    expect(set.byTurn.memory_tokens_by_turn).toEqual([[], [3, 4]]);
    expect(set.evaluations[0].metrics.score).toMatchObject({ mean: 0.25 });
    // Wilson's of 25 of 100.
    expect(set.evaluations[0].metrics.score.low).toBeCloseTo(0.1755, 4);
  });

  it('are gaps where a step has none, or one that is not finite', () => {
    const lines = [step(1, 1, { kl: null }), step(2, 1, { kl: 0.5 })];
    expect(curveSet('run', { id: 'a', seed: 1, lines }, 1).columns.kl.mean).toEqual([null, 0.5]);
  });

  it('are means over several steps of a long run, with the least and the largest', () => {
    const lines = Array.from({ length: 10_000 }, (_, at) => step(at + 1, at % 2));
    const run = { id: 'a', seed: 1, lines };
    const width = widthFor([run]);
    expect(width).toBe(20);
    const { steps, columns } = curveSet('run', run, width);
    expect(steps).toHaveLength(POINTS);
    expect([columns.reward.mean[0], columns.reward.low?.[0], columns.reward.high?.[0]]).toEqual([0.5, 0, 1]);
  });
});

describe('runs that differ in their seeds', () => {
  const set = (id: string, seed: number, values: number[]) =>
    curveSet(id, { id, seed, lines: values.map((value, at) => step(at + 1, value)) }, 1);

  it('are a mean with Student’s interval from three seeds on', () => {
    const band = seedBand('three', [set('a', 1, [1]), set('b', 2, [2]), set('c', 3, [3])]);
    expect(band.seeds).toEqual([1, 2, 3]);
    const { mean, low, high } = band.columns.reward;
    expect(mean).toEqual([2]);
    // 2 -+ 4.302653 x 1 / sqrt(3)
    expect(low?.[0]).toBeCloseTo(-0.484138, 5);
    expect(high?.[0]).toBeCloseTo(4.484138, 5);
  });

  it('are both seeds where there are two, and go on where one has ended', () => {
    const band = seedBand('two', [set('a', 1, [1, 5]), set('b', 2, [3])]);
    expect(band.columns.reward).toEqual({ mean: [2, 5], low: [1, 5], high: [3, 5] });
  });
});
