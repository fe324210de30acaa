import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { rewardMethods } from './methods.js';
import { mergedOptions, rewardSchema } from './options.js';

describe('reward of the configuration', () => {
  it("is the paper's form by default", () => {
    expect(rewardSchema.parse({})).toEqual({
      combine: 'product',
      alpha: 1,
      lengthNormalize: true,
      minmax: true,
      scope: 'batch',
      scale: 'mean-prob',
      scoreSpan: 'memory',
      teacherReads: 'chunk',
      outcome: { metric: 'exact_match', normalization: 'squad' },
    });
  });

  it('takes the options of every method', () => {
    const known = Object.keys(rewardSchema.shape);
    for (const { name, options = {} } of rewardMethods) {
      for (const key of Object.keys(options)) expect(known, name).toContain(key);
      expect(z.object(options).safeParse({}).error, name).toBeUndefined();
    }
  });

  it('lets methods share an option, but not give one name two meanings', () => {
    const shared = z.number().default(1);
    expect(
      mergedOptions([
        { name: 'a', options: { x: shared } },
        { name: 'b', options: { x: shared } },
      ]),
    ).toEqual({
      x: shared,
    });
    const other = { name: 'b', options: { x: z.string().optional() } };
    expect(() => mergedOptions([{ name: 'a', options: { x: shared } }, other])).toThrow(
      'The option reward.x of the method b is taken by the method a.',
    );
    for (const key of ['combine', 'alpha', 'outcome']) {
      expect(() => mergedOptions([{ name: 'a', options: { [key]: shared } }])).toThrow(
        `The option reward.${key} of the method a is taken by the common part.`,
      );
    }
  });
});
