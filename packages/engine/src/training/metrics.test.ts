import { expect, it } from 'vitest';
import { MetricSums } from './metrics.js';

const numbers = (...values: number[]) => Float32Array.from(values);

it('ratios, clipped tokens and distances, whose differences are limited as in the loss', () => {
  const sums = new MetricSums({ kind: 'policy-gradient', clipLow: 0.2, clipHigh: 0.28 });
  // Ratios 1, 2 and, of a sampler that disagrees, exp(20) instead of exp(900). The gain of 2 is clipped, and so is the
  // last one; k3 of 0, 0 and 20 is 0, 0 and exp(20) - 21.
  const of = { advantages: numbers(1, 1, 1), old: numbers(-1, -1 - Math.LN2, -901) };
  const reference = numbers(-1, -1, 899);
  sums.add(numbers(-1, -1, -1), numbers(1, 2, 3), numbers(1, 1, 1), numbers(0.5, 0.25, 0.25), { ...of, reference });
  const { loss, metrics } = sums.result();
  expect(loss).toBe(1);
  expect(metrics).toMatchObject({ tokens: 3, entropy: 2, clipFraction: 2 / 3, ratioMax: Math.exp(20) });
  expect(metrics.ratioMean).toBeCloseTo((3 + Math.exp(20)) / 3, 0);
  expect(metrics.kl).toBeCloseTo((Math.exp(20) - 21) / 3, 3);
  expect(metrics.approximateKl).toBeCloseTo((-Math.LN2 - 900) / 3, 3);
});
