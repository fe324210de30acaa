/** Means and bootstrap intervals. All resampling is seeded. */
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
