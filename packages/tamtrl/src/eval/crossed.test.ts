import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../base/random.js';
import {
  crossedEstimate,
  differenceEstimate,
  holm,
  meanDifferenceEstimate,
  meanScoreInterval,
  recordInterval,
  scoreInterval,
  wilsonInterval,
} from './crossed.js';
import { bootstrapInterval } from './statistics.js';
import { criticalT, twoSidedP } from './student.js';

describe("Student's t", () => {
  // scipy.stats.t.ppf(0.975, df) and 2 * scipy.stats.t.sf(t, df), SciPy 1.17.1.
  it.each([
    [1, 12.706204736174694],
    [2, 4.302652729749462],
    [2.5, 3.5746548420036817],
    [4, 2.776445105197793],
    [9, 2.262157162798205],
    [30, 2.0422724563012378],
    [1000, 1.9623390808264074],
  ])('has its 97.5 percent quantile with %d degrees of freedom', (degrees, quantile) => {
    expect(criticalT(degrees)).toBeCloseTo(quantile, 9);
  });

  it.each([
    [0, 5, 1],
    [1, 1, 0.5],
    [2.5, 4, 0.06676654481198814],
    [3.3, 2.7, 0.05324215291873395],
    [10, 50, 1.6077334688335447e-13],
  ])('gives p of t = %d with %d degrees of freedom', (t, degrees, p) => {
    expect(Math.abs(twoSidedP(t, degrees) / p - 1)).toBeLessThan(1e-9);
    expect(twoSidedP(-t, degrees)).toBe(twoSidedP(t, degrees));
  });
});

describe('wilsonInterval', () => {
  // statsmodels 0.15.0: proportion_confint(count, nobs, method='wilson').
  it.each([
    [0, 50, 0, 0.07134759913335874],
    [50, 50, 0.9286524008666412, 1],
    [13, 50, 0.1587152749355238, 0.3955315726484883],
    [1, 1, 0.20654931437723745, 1],
  ])('of %d in %d', (successes, trials, low, high) => {
    const interval = wilsonInterval(successes, trials);
    expect(interval.low).toBeCloseTo(low, 12);
    expect(interval.high).toBeCloseTo(high, 12);
  });
});

describe('recordInterval', () => {
  it("is Wilson's for zeros and ones, which has a width even for 0 of 50", () => {
    expect(recordInterval(new Array(50).fill(0))).toEqual(wilsonInterval(0, 50));
    expect(recordInterval([1, 0, 1])).toEqual(wilsonInterval(2, 3));
  });

  it('is a bootstrap for other scores, with a width where all are equal', () => {
    expect(recordInterval([0.5, 1, 0])).toEqual(bootstrapInterval([0.5, 1, 0]));
    expect(recordInterval([0.5, 0.5, 0.5, 0.5])).toEqual(wilsonInterval(2, 4));
    expect(recordInterval([0.25])).toEqual(wilsonInterval(0.25, 1));
  });
});

describe('crossedEstimate', () => {
  it('is the worked example: two seeds, two records', () => {
    // Seeds 1 and 3 on average, records 1.5 and 2.5: MS_seeds 4, MS_records 1, MS_rest 1; variance (4 + 1 - 1) / 4.
    const estimate = crossedEstimate([
      [1, 1],
      [2, 4],
    ]);
    expect(estimate.mean).toBe(2);
    expect(estimate.standardError).toBe(1);
    expect(estimate.degreesOfFreedom).toBe(1);
    expect(estimate.p).toBeUndefined();
  });

  it('is the paired t over seeds if records do not matter', () => {
    const bySeed = [0.1, 0.3, 0.2, 0.25];
    const estimate = crossedEstimate(bySeed.map((value) => new Array(10).fill(value)));
    // scipy.stats.ttest_1samp([0.1, 0.3, 0.2, 0.25], 0): p and confidence_interval(), SciPy 1.17.1.
    expect(estimate.low).toBeCloseTo(0.0766234558, 9);
    expect(estimate.high).toBeCloseTo(0.3483765442, 9);
    expect(estimate.p).toBeCloseTo(0.0155873581, 9);
  });

  it('is wider than over seeds alone if records also matter', () => {
    const values = [0, 0.1, -0.1].map((seed) => [0.6, -0.5, 0.4, -0.3, 0.9].map((record) => record + seed));
    const over = crossedEstimate(values.map((row) => [row.reduce((a, b) => a + b, 0) / row.length]));
    const estimate = crossedEstimate(values);
    expect(estimate.high - estimate.low).toBeGreaterThan(over.high - over.low);
    expect(estimate.degreesOfFreedom).toBeGreaterThan(2);
  });

  it('compares only records with one seed, without a p', () => {
    const estimate = crossedEstimate([[1, 0, 1, 0]]);
    expect(estimate.standardError).toBeCloseTo(Math.sqrt(1 / 3 / 4), 12);
    expect(estimate.p).toBeUndefined();
  });

  it('gives no p for equal values other than 0, which leave no spread, whatever their rounding', () => {
    for (const values of [
      [[0.1], [0.1], [0.1]],
      [[0.45 - 0.4], [0.5 - 0.45], [0.05]],
      [
        [1, 1],
        [1, 1],
        [1, 1],
      ],
    ]) {
      expect(crossedEstimate(values)).toMatchObject({ standardError: 0 });
      expect(crossedEstimate(values)).not.toHaveProperty('p');
    }
    expect(crossedEstimate([[0], [0], [0]]).p).toBe(1);
  });

  it('refuses records that differ between seeds', () => {
    expect(() => crossedEstimate([[1, 2], [1]])).toThrow('the same records for every seed; found 2, 1');
  });

  it('finds a true difference: 10 points, 5 seeds with a spread of 2', () => {
    const random = new SeededRandom('a true difference');
    const right = (accuracy: number) => Array.from({ length: 500 }, () => Number(random.next() < accuracy));
    const differences = Array.from({ length: 5 }, () => {
      const [a, b] = [right(0.5 + 0.04 * (random.next() - 0.5)), right(0.4 + 0.04 * (random.next() - 0.5))];
      return a.map((value, at) => value - b[at]);
    });
    expect(crossedEstimate(differences).p).toBeLessThan(0.01);
  });
});

describe('scoreInterval', () => {
  it('stays within [0, 1], and has a width even if no seed answered anything', () => {
    expect(
      scoreInterval([
        [0, 0],
        [0, 0],
        [0, 0],
      ]),
    ).toEqual(wilsonInterval(0, 2));
    const { low, high } = scoreInterval([
      [1, 1, 1, 0],
      [1, 1, 1, 1],
      [1, 0, 1, 1],
    ]);
    expect(low).toBeGreaterThanOrEqual(0);
    expect(high).toBe(1);
  });
});

describe('meanScoreInterval', () => {
  it("is Student's over seeds, and Wilson's over records with one seed or equal ones", () => {
    const { mean, low, high } = meanScoreInterval([0.1, 0.2, 0.3], 50);
    expect(mean).toBeCloseTo(0.2, 12);
    // Standard error 0.1 / sqrt(3), t with two degrees of freedom 4.3027: 0.2 ± 0.2484, kept within [0, 1].
    expect([low, high]).toEqual([0, expect.closeTo(0.448414, 6)]);
    expect(meanScoreInterval([0.26], 50)).toEqual(wilsonInterval(13, 50));
    expect(meanScoreInterval([0, 0, 0], 50)).toEqual(wilsonInterval(0, 50));
  });
});

describe('differenceEstimate', () => {
  it('has a width even if two methods answer alike on every record', () => {
    const none = new Array(50).fill(0);
    const { high } = wilsonInterval(0, 50);
    expect(differenceEstimate([none, none, none])).toMatchObject({ mean: 0, low: -high, high, p: 1 });
    expect(differenceEstimate([new Array(50).fill(1)])).toMatchObject({ low: 1 - high, high: 1 });
  });

  it('stays within [-1, 1]', () => {
    expect(differenceEstimate([[0.9], [-0.3]])).toMatchObject({ low: -1, high: 1 });
  });
});

describe('meanDifferenceEstimate', () => {
  it("is Student's t over seeds, paired", () => {
    const estimate = meanDifferenceEstimate([0.5, 0.6, 0.55], [0.4, 0.45, 0.5], 100);
    // scipy.stats.ttest_rel, SciPy 1.17.1.
    expect(estimate.p).toBeCloseTo(0.0741799, 7);
    expect(estimate).toMatchObject({ mean: expect.closeTo(0.1, 12), seeds: 3, records: 100 });
    expect(estimate.low).toBeCloseTo(-0.0242069, 6);
  });

  it("is Newcombe's of two shares over records with one seed", () => {
    // Table II of the paper, 10/10 - 0/10: 0.6075 to 1.
    expect(meanDifferenceEstimate([1], [0], 10)).toMatchObject({ low: expect.closeTo(0.6075, 4), high: 1 });
    // 56/70 - 42/70, by hand from Wilson's ends.
    const estimate = meanDifferenceEstimate([0.8], [0.6], 70);
    expect(estimate).toMatchObject({ mean: expect.closeTo(0.2, 12), seeds: 1 });
    expect(estimate).not.toHaveProperty('p');
    expect([estimate.low, estimate.high]).toEqual([expect.closeTo(0.048093, 6), expect.closeTo(0.34009, 6)]);
    expect(meanDifferenceEstimate([0, 0, 0], [0, 0, 0], 50)).toMatchObject({ mean: 0, p: 1 });
    expect(meanDifferenceEstimate([0, 0, 0], [0, 0, 0], 50).high).toBe(wilsonInterval(0, 50).high);
  });
});

describe('holm', () => {
  it("is the published example's: each p times the number of those not yet rejected, never falling", () => {
    // R: p.adjust(c(0.01, 0.04, 0.03, 0.005), method = "holm")
    expect(holm([0.01, 0.04, 0.03, 0.005])).toEqual([0.03, 0.06, 0.06, 0.02]);
    expect(holm([0.6, 0.7])).toEqual([1, 1]);
    expect(holm([])).toEqual([]);
  });
});
