import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bootstrapInterval } from './statistics.js';

describe('bootstrapInterval', () => {
  it('is close to the normal interval for many values, and the same for the same seed', () => {
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
