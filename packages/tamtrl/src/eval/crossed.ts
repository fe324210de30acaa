/**
 * Intervals and tests of training methods. The unit of such a claim is the seed: records answer whether one trained
 * model is better than another, seeds whether one method is. Numbers measured on the same records with several seeds
 * are a crossed design, and both sources of chance count.
 */
import { bootstrapInterval, type Interval, mean } from './statistics.js';
import { criticalT, twoSidedP } from './student.js';

/** 97.5 % quantile of the normal distribution. */
const Z = 1.959963984540054;

/**
 * Interval of a share, `successes` of `trials` (Wilson 1927). Unlike mean and standard error it stays within [0, 1]
 * and has a width where all or none succeeded: 0 of 50 gives 0 to 7.1 %. Fractions count as parts of a success, which
 * is too wide rather than too narrow, since scores between 0 and 1 vary less than those that are 0 or 1.
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

/**
 * Interval of the mean score of one model over records: a bootstrap, or Wilson's where every score is 0 or 1, or all
 * are equal, so that resampling would show no spread.
 */
export function recordInterval(scores: readonly number[], seed = 0): Interval {
  const isShare = scores.every((score) => score === 0 || score === 1);
  if (!isShare && scores.some((score) => score !== scores[0])) return bootstrapInterval(scores, seed);
  return wilsonInterval(
    scores.reduce<number>((a, b) => a + b, 0),
    scores.length,
  );
}

/** What is known of the mean of values that were measured for every pair of a seed and a record. */
export interface CrossedEstimate extends Interval {
  seeds: number;
  records: number;
  /** Of the mean, with seeds and records both resampled. */
  standardError: number;
  degreesOfFreedom: number;
  /**
   * Two-sided p of a mean of 0; absent with fewer than three seeds, which cannot tell a method from its seeds, and
   * where equal values other than 0 leave no spread to test against.
   */
  p?: number;
}

/** The fewest seeds from which a difference between methods is tested. */
export const LEAST_SEEDS = 3;

/** Of the largest value: what smaller spreads are, rounding errors of equal values. */
const ROUNDING = 1e-12;

/**
 * Mean, interval and test of `values` [seeds][records], both taken as random: y_sj = mean + seed_s + record_j +
 * rest_sj. The variance of the mean is (MS_seeds + MS_records - MS_rest) / (S N) (Cornfield and Tukey 1956), at least
 * what the seeds alone give, MS_seeds / (S N); degrees of freedom after Satterthwaite (1946). With one seed only
 * records count, and the interval says nothing of the method's other seeds. With one record it is Student's t over
 * seeds.
 * @throws RangeError without values, or if the seeds have different numbers of records
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
  const spread = Math.sqrt(variance / (seeds * records));
  const largest = values.reduce((most, row) => row.reduce((own, value) => Math.max(own, Math.abs(value)), most), 0);
  const standardError = spread <= ROUNDING * largest ? 0 : spread;
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
  // Three seeds that all gain one record of 20 have no spread, yet prove little.
  if (standardError === 0) return centre === 0 ? { ...estimate, p: 1 } : estimate;
  return { ...estimate, p: twoSidedP(centre / standardError, degreesOfFreedom) };
}

/**
 * Interval of a method's score in [0, 1], `values` [seeds][records], kept within [0, 1]; Wilson's over records where
 * nothing varies.
 */
export function scoreInterval(values: readonly (readonly number[])[]): Interval {
  return values.length === 1 ? recordInterval(values[0]) : bounded(values, values[0].length);
}

/**
 * Interval of a method's score in [0, 1] of which only each seed's mean over `records` records is known: Student's t
 * over seeds, Wilson's over records with one seed or where the seeds are equal.
 */
export function meanScoreInterval(bySeed: readonly number[], records: number): Interval {
  return bounded(
    bySeed.map((value) => [value]),
    records,
  );
}

function bounded(values: readonly (readonly number[])[], records: number): Interval {
  const { mean: centre, low, high, standardError } = crossedEstimate(values);
  if (standardError === 0) return wilsonInterval(centre * records, records);
  return { mean: centre, low: Math.max(0, low), high: Math.min(1, high) };
}

/**
 * What is known of the mean of paired differences of scores, `values` [seeds][records] in [-1, 1]. Where nothing
 * varies the interval is as wide as Wilson's of none in as many records.
 */
export function differenceEstimate(values: readonly (readonly number[])[]): CrossedEstimate {
  const estimate = crossedEstimate(values);
  const half = estimate.standardError === 0 ? wilsonInterval(0, estimate.records).high : 0;
  return withinRange(estimate, estimate.low - half, estimate.high + half);
}

/**
 * The same of scores in [0, 1] of which only each seed's mean over `records` records is known, paired by seed:
 * Student's t over seeds. With one seed, or where the differences are equal, Newcombe's interval of two shares
 * (1998, method 10) over records, which is too wide for the same records.
 */
export function meanDifferenceEstimate(
  own: readonly number[],
  other: readonly number[],
  records: number,
): CrossedEstimate {
  const estimate = { ...crossedEstimate(own.map((score, seed) => [score - other[seed]])), records };
  if (estimate.standardError > 0) return withinRange(estimate, estimate.low, estimate.high);
  const [a, b] = [own, other].map((scores) => wilsonInterval(mean(scores) * records, records));
  return withinRange(
    estimate,
    estimate.mean - Math.hypot(a.mean - a.low, b.high - b.mean),
    estimate.mean + Math.hypot(a.high - a.mean, b.mean - b.low),
  );
}

function withinRange(estimate: CrossedEstimate, low: number, high: number): CrossedEstimate {
  return { ...estimate, low: Math.max(-1, low), high: Math.min(1, high) };
}

/**
 * p-values made stricter for having looked at several differences (Holm 1979): the chance that any of them is below
 * alpha without a true difference stays below alpha. In the order given.
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
