import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bootstrapInterval, pairedTest, studentInterval } from './statistics.js';

describe('studentInterval', () => {
  it('is mean plus and minus t times the standard error', () => {
    // Values 1, 2, 3: variance 1, standard error 1 / sqrt(3), t with two degrees of freedom 4.303.
    const { mean, low, high } = studentInterval([1, 2, 3]);
    expect(mean).toBe(2);
    expect(high - mean).toBeCloseTo(4.303 / Math.sqrt(3), 12);
    expect(mean - low).toBeCloseTo(high - mean, 12);
    expect(studentInterval([5])).toEqual({ mean: 5, low: 5, high: 5 });
  });
});

describe('bootstrapInterval', () => {
  it('comes near to the normal interval for many values, and is the same for the same seed', () => {
    const values = Array.from({ length: 400 }, (_, at) => Number(at % 4 === 0));
    const { mean, low, high } = bootstrapInterval(values, 3);
    expect(mean).toBe(0.25);
    const half = 1.96 * Math.sqrt((0.25 * 0.75) / 400);
    expect(high).toBeGreaterThan(0.25 + 0.8 * half);
    expect(high).toBeLessThan(0.25 + 1.2 * half);
    expect(low).toBeGreaterThan(0.25 - 1.2 * half);
    expect(bootstrapInterval(values, 3)).toEqual({ mean, low, high });
  });

  it('holds the mean between its ends, within the range of the values', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 30 }), (values) => {
        const { mean, low, high } = bootstrapInterval(values);
        expect(low).toBeLessThanOrEqual(mean + 1e-9);
        expect(high).toBeGreaterThanOrEqual(mean - 1e-9);
        expect(low).toBeGreaterThanOrEqual(Math.min(...values));
        expect(high).toBeLessThanOrEqual(Math.max(...values));
      }),
      { numRuns: 30 },
    );
  });
});

describe('pairedTest', () => {
  it('counts how often random signs are as far from 0: 8 equal differences, 2 of 256 arrangements', () => {
    const { mean, p, pairs } = pairedTest(Array.from({ length: 8 }, () => 0.5));
    expect({ mean, pairs }).toEqual({ mean: 0.5, pairs: 8 });
    expect(p).toBeGreaterThan(0.002);
    expect(p).toBeLessThan(0.02);
  });

  it('finds nothing in differences that cancel', () => {
    expect(pairedTest([1, -1, 1, -1, 0, 0]).p).toBe(1);
  });
});
