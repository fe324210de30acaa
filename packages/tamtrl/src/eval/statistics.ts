/** Intervals and paired tests. All resampling is seeded. */
import { SeededRandom } from '../base/random.js';

export interface Interval {
  mean: number;
  /** Ends of the 95 % interval; equal to the mean for a single value. */
  low: number;
  high: number;
}

const RESAMPLES = 2000;

export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length;
}

function percentile(sorted: ArrayLike<number>, share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(sorted.length - 1, below + 1);
  return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

/** Percentile bootstrap of the mean (Efron 1979) over 2,000 resamples. */
export function bootstrapInterval(values: readonly number[], seed = 0): Interval {
  const centre = mean(values);
  if (values.length < 2) return { mean: centre, low: centre, high: centre };
  const random = new SeededRandom('bootstrap', seed, values.length);
  const means = Float64Array.from({ length: RESAMPLES }, () => {
    let sum = 0;
    for (let draw = 0; draw < values.length; draw++) sum += values[random.integer(values.length)];
    return sum / values.length;
  }).sort();
  return { mean: centre, low: percentile(means, 0.025), high: percentile(means, 0.975) };
}

/** 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom. */
const T = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/** Student's t interval of the mean, for a handful of seeds. */
export function studentInterval(values: readonly number[]): Interval {
  const centre = mean(values);
  if (values.length < 2) return { mean: centre, low: centre, high: centre };
  const variance = values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1);
  const half = (T[values.length - 2] ?? 1.96) * Math.sqrt(variance / values.length);
  return { mean: centre, low: centre - half, high: centre + half };
}

export interface PairedTest extends Interval {
  /** Two-sided p of the sign-flip test: how often differences with random signs are as far from 0 as those seen. */
  p: number;
  pairs: number;
}

/** Bootstrap interval and sign-flip permutation test of paired differences, 2,000 resamples each. */
export function pairedTest(differences: readonly number[], seed = 0): PairedTest {
  const interval = bootstrapInterval(differences, seed);
  const random = new SeededRandom('sign-flip', seed, differences.length);
  const seen = Math.abs(differences.reduce((a, b) => a + b, 0)) - 1e-12;
  let extreme = 0;
  for (let draw = 0; draw < RESAMPLES; draw++) {
    const sum = differences.reduce((total, value) => total + (random.next() < 0.5 ? value : -value), 0);
    if (Math.abs(sum) >= seen) extreme++;
  }
  // The arrangement that was seen is one of them.
  return { ...interval, p: (extreme + 1) / (RESAMPLES + 1), pairs: differences.length };
}
