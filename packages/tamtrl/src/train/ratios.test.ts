import { describe, expect, it } from 'vitest';
import { type Ratio, ratioFactors } from './ratios.js';

const bounds = { clipLow: 0.2, clipHigh: 0.28 };
const logs = (...probabilities: number[]) => probabilities.map(Math.log);

describe('GSPO', () => {
  it('has one ratio for a sequence: the geometric mean of those of its tokens', () => {
    // Ratios 1.44 and 1: sqrt(1.44) = 1.2, within 1.28.
    const factors = ratioFactors('sequence', logs(0.36, 0.5), logs(0.25, 0.5), [2, 2], bounds);
    for (const factor of factors) expect(factor).toBeCloseTo(1.2, 12);
  });

  it('clips whole sequences, above for gains and below for losses', () => {
    // Ratios 1.69 and 1: 1.3 is above 1.28. Ratios 0.49 and 1: 0.7 is below 0.8.
    const risen = [logs(0.4225, 0.5), logs(0.25, 0.5)] as const;
    const fallen = [logs(0.1225, 0.5), logs(0.25, 0.5)] as const;
    expect(ratioFactors('sequence', ...risen, [1, 1], bounds)).toEqual([0, 0]);
    expect(ratioFactors('sequence', ...fallen, [-1, -1], bounds)).toEqual([0, 0]);
    for (const factor of ratioFactors('sequence', ...risen, [-1, -1], bounds)) expect(factor).toBeCloseTo(1.3, 12);
    for (const factor of ratioFactors('sequence', ...fallen, [1, 1], bounds)) expect(factor).toBeCloseTo(0.7, 12);
    // Ratios 1.5625 and 1: 1.25 is within 1.28, but not within 1.2. Ratios 0.5625 and 1: 0.75 is below 0.8, not 0.72.
    const within = [logs(0.390625, 0.5), logs(0.25, 0.5)] as const;
    const below = [logs(0.140625, 0.5), logs(0.25, 0.5)] as const;
    for (const factor of ratioFactors('sequence', ...within, [1, 1], bounds)) expect(factor).toBeCloseTo(1.25, 12);
    expect(ratioFactors('sequence', ...below, [-1, -1], bounds)).toEqual([0, 0]);
    // Nothing is clipped where there is no advantage.
    for (const factor of ratioFactors('sequence', ...below, [0, 0], bounds)) expect(factor).toBeCloseTo(0.75, 12);
  });

  it('of single tokens has their own advantages (GSPO-token)', () => {
    // 1.3 is clipped for the gain alone.
    const [gain, loss] = ratioFactors('sequence', logs(0.4225, 0.5), logs(0.25, 0.5), [1, -1], bounds);
    expect(gain).toBe(0);
    expect(loss).toBeCloseTo(1.3, 12);
  });

  it('cuts off differences beyond 20, as the loss does', () => {
    expect(ratioFactors('sequence', [-1], [-90], [-1], bounds)[0]).toBeCloseTo(Math.exp(20), 0);
    expect(ratioFactors('sequence', [-90, -1], [-1, -1], [1, 1], bounds)[0]).toBeCloseTo(Math.exp(-10), 12);
  });
});

it('CISPO clips the factor and keeps every gradient', () => {
  // Ratios 2, 0.5, 1.1.
  const factors = ratioFactors('cispo', logs(0.4, 0.1, 0.55), logs(0.2, 0.2, 0.5), [1, 1, -1], bounds);
  [1.28, 0.8, 1.1].forEach((value, token) => void expect(factors[token]).toBeCloseTo(value, 12));
});

describe('the gradient with fixed factors', () => {
  /** log softmax of the chosen token of each row of logits. */
  const logProbabilities = (logits: readonly number[][], chosen: readonly number[]) =>
    logits.map((row, at) => row[chosen[at]] - Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0)));
  const logits = [
    [0.3, -0.2, 0.1],
    [-0.5, 0.4, 0.2],
  ];
  const chosen = [1, 2];
  const old = logProbabilities(logits, chosen).map((value, token) => value + [0.1, -0.25][token]);

  /**
   * -1/|y| sum_j factor_j A log pi_j, with factors of the unchanged logits: what the trainer's loss has as gradient.
   */
  function surrogate(ratio: Exclude<Ratio, 'token'>, moved: number[][], advantage: number): number {
    const present = logProbabilities(logits, chosen);
    const factors = ratioFactors(ratio, present, old, [advantage, advantage], bounds);
    const values = logProbabilities(moved, chosen);
    return -values.reduce((sum, value, token) => sum + factors[token] * advantage * value, 0) / values.length;
  }

  it.each([1.5, -1.5])('is that of GSPO, by finite differences (advantage %d)', (advantage) => {
    const objective = (moved: number[][]) => {
      const values = logProbabilities(moved, chosen);
      const s = Math.exp(values.reduce((sum, value, token) => sum + value - old[token], 0) / values.length);
      const clipped = Math.min(1.28, Math.max(0.8, s));
      return -Math.min(s * advantage, clipped * advantage);
    };
    const step = 1e-5;
    for (const token of [0, 1]) {
      for (const word of [0, 1, 2]) {
        const moved = (by: number) =>
          logits.map((row, t) => row.map((x, w) => (t === token && w === word ? x + by : x)));
        const slope = (of: (moved: number[][]) => number) => (of(moved(step)) - of(moved(-step))) / (2 * step);
        const expected = slope(objective);
        expect(Math.abs(expected)).toBeGreaterThan(1e-3);
        expect(slope((at) => surrogate('sequence', at, advantage))).toBeCloseTo(expected, 7);
      }
    }
  });
});
