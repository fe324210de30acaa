/**
 * Intervals and tests of training methods. The unit of such a claim is the seed: records answer whether one trained
 * model
 * is better than another, seeds whether one method is. Numbers measured on the same records with several seeds are a
 * crossed design, and both sources of chance count.
 */
import { bootstrapInterval, type Interval, mean } from './statistics.js';
import { criticalT, twoSidedP } from './student.js';

/** 97.5 % quantile of the normal distribution. */
const Z = 1.959963984540054;

/**
 * Interval of a share, `successes` of `trials` (Wilson 1927). Unlike mean and standard error it stays within [0, 1]
 * and has a
 * width where all or none succeeded: 0 of 50 gives 0 to 7.1 %.
 */
export function wilsonInterval(successes: number, trials: number): Interval {
  if (trials === 0) return { mean: 0, low: 0, high: 1 };
  const share = successes / trials;
  const scale = 1 + Z ** 2 / trials;
  const centre = (share + Z ** 2 / (2 * trials)) / scale;
  const half = (Z / scale) * Math.sqrt((share * (1 - share)) / trials + Z ** 2 / (4 * trials ** 2));
  return {
    mean: share,
    low: successes === 0 ? 0 : Math.max(0, centre - half),
    high: successes === trials ? 1 : Math.min(1, centre + half),
  };
}

/** Interval of the mean score of one model over records: Wilson's where every score is 0 or 1, else a bootstrap. */
export function recordInterval(scores: readonly number[], seed = 0): Interval {
  if (!scores.every((score) => score === 0 || score === 1)) return bootstrapInterval(scores, seed);
  return wilsonInterval(
    scores.reduce<number>((a, b) => a + b, 0),
    scores.length,
  );
}

/** What is known of the mean of values that were measured for every pair of a seed and a record. */
export interface CrossedEstimate extends Interval {
  seeds: number;
  records: number;
  /** Of the mean, with seeds and records both drawn anew. */
  standardError: number;
  degreesOfFreedom: number;
  /** Two-sided p of a mean of 0; absent with fewer than three seeds, which cannot tell a method from its seeds. */
  p?: number;
}

/** The fewest seeds from which a difference between methods is tested. */
export const LEAST_SEEDS = 3;

/**
 * Mean, interval and test of `values` [seeds][records], both taken as random: y_sj = mean + seed_s + record_j +
 * rest_sj. The
 * variance of the mean is (MS_seeds + MS_records - MS_rest) / (S N) (Cornfield and Tukey 1956), at least what the
 * seeds alone
 * give, MS_seeds / (S N); degrees of freedom after Satterthwaite (1946). With one seed only records count, and the
 * interval
 * says nothing of the method's other seeds.
 */
export function crossedEstimate(values: readonly (readonly number[])[]): CrossedEstimate {
  const seeds = values.length;
  const records = values[0]?.length ?? 0;
  if (seeds === 0 || records === 0 || values.some((row) => row.length !== records)) {
    throw new RangeError(
      `Expected the same records for every seed; found ${values.map((row) => row.length).join(', ') || 'none'}.`,
    );
  }
  const bySeed = values.map(mean);
  const byRecord = Array.from({ length: records }, (_, record) => mean(values.map((row) => row[record])));
  const centre = mean(bySeed);
  const squares = (list: readonly number[]) => list.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  const seedSquares = records * squares(bySeed);
  const recordSquares = seeds * squares(byRecord);
  const allSquares = values.reduce((sum, row) => sum + squares(row), 0);
  const restSquares = Math.max(0, allSquares - seedSquares - recordSquares);
  const meanSquare = (sum: number, degrees: number) => (degrees > 0 ? sum / degrees : 0);
  const ofSeeds = meanSquare(seedSquares, seeds - 1);
  const ofRecords = meanSquare(recordSquares, records - 1);
  const ofRest = meanSquare(restSquares, (seeds - 1) * (records - 1));
  const combined = ofSeeds + ofRecords - ofRest;
  const seedsAlone = seeds > 1 && (records === 1 || combined <= ofSeeds);
  const variance = seedsAlone ? ofSeeds : combined;
  const parts: readonly [number, number][] = [
    [ofSeeds, seeds - 1],
    ...(seedsAlone
      ? []
      : ([
          [ofRecords, records - 1],
          [ofRest, (seeds - 1) * (records - 1)],
        ] as [number, number][])),
  ];
  const inverse = parts.reduce((sum, [square, degrees]) => (degrees > 0 ? sum + square ** 2 / degrees : sum), 0);
  const standardError = Math.sqrt(variance / (seeds * records));
  const degreesOfFreedom = inverse > 0 ? variance ** 2 / inverse : Math.max(1, seeds - 1);
  const half = standardError === 0 ? 0 : criticalT(degreesOfFreedom) * standardError;
  const estimate = {
    mean: centre,
    low: centre - half,
    high: centre + half,
    seeds,
    records,
    standardError,
    degreesOfFreedom,
  };
  if (seeds < LEAST_SEEDS) return estimate;
  // Without any spread there is nothing to test: equal everywhere, or different everywhere by the same amount.
  if (standardError === 0) return { ...estimate, p: centre === 0 ? 1 : 0 };
  return { ...estimate, p: twoSidedP(centre / standardError, degreesOfFreedom) };
}

/**
 * Interval of a method's score in [0, 1] over seeds and records, kept within [0, 1]; Wilson's over records where
 * nothing varies.
 */
export function scoreInterval(values: readonly (readonly number[])[]): Interval {
  if (values.length === 1) return recordInterval(values[0]);
  const { mean: centre, low, high, standardError } = crossedEstimate(values);
  if (standardError === 0 && (centre === 0 || centre === 1)) {
    return wilsonInterval(centre * values[0].length, values[0].length);
  }
  return { mean: centre, low: Math.max(0, low), high: Math.min(1, high) };
}

/**
 * p-values made stricter for having looked at several differences (Holm 1979): the chance that any of them is below
 * alpha
 * without a true difference stays below alpha. In the order given.
 */
export function holm(ps: readonly number[]): number[] {
  const order = ps.map((_, at) => at).sort((a, b) => ps[a] - ps[b]);
  const adjusted = new Array<number>(ps.length);
  let largest = 0;
  order.forEach((at, rank) => {
    largest = Math.max(largest, Math.min(1, (ps.length - rank) * ps[at]));
    adjusted[at] = largest;
  });
  return adjusted;
}
