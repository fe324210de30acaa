/** `reward` of the configuration: outcome, combination, and the options that the methods bring. */
import { z } from 'zod';
import { metricSchema } from '../data/metrics.js';
import { combineOptions } from './combine.js';
import { RewardError } from './errors.js';
import type { OptionShape, RewardMethod } from './method.js';
import { type RegisteredMethod, rewardMethods } from './methods.js';

/** How an answer becomes R; see outcome.ts. */
const outcomeSchema = z.strictObject({
  metric: metricSchema.default('exact_match'),
  normalization: z.enum(['squad', 'math', 'none']).default('squad'),
  /** How the answer is found in the output; absent: in the box that the prompts ask for, anywhere. See extract.ts. */
  extraction: z
    .strictObject({
      /** False: the whole output is the answer. */
      boxed: z.boolean().optional(),
      /** A box is looked for in so many characters at the end; MemAgent takes 300. */
      tail: z.number().int().min(1).optional(),
      /** Without a box there is no answer. */
      requireBox: z.boolean().optional(),
      /** `\\text{…}` in a box gives what is inside; absent: true. */
      unwrapText: z.boolean().optional(),
    })
    .optional(),
});

type OptionsOf<Method> = Method extends { options: infer Options } ? Options : never;
type Intersection<Union> = (Union extends unknown ? (each: Union) => void : never) extends (all: infer All) => void
  ? All
  : never;

/** Options of all methods that have a name. */
type MethodOptions = Intersection<OptionsOf<RegisteredMethod>>;

/**
 * The options of several methods side by side.
 * @throws RewardError `invalid-argument` if two methods mean different things by one name.
 */
export function mergedOptions(methods: readonly Pick<RewardMethod, 'name' | 'options'>[]): OptionShape {
  const merged: Record<string, OptionShape[string]> = {};
  const owners = new Map<string, string>([
    ...[...Object.keys(combineOptions), 'outcome', 'module', 'moduleSeconds'].map((key): [string, string] => [
      key,
      'the common part',
    ]),
  ]);
  for (const { name, options = {} } of methods) {
    for (const [key, schema] of Object.entries(options)) {
      const owner = owners.get(key);
      if (owner !== undefined && merged[key] !== schema) {
        throw new RewardError(
          'invalid-argument',
          `The option reward.${key} of the method ${name} is taken by ${owner}. Share its schema, or choose another name.`,
        );
      }
      merged[key] = schema;
      owners.set(key, `the method ${name}`);
    }
  }
  return merged;
}

/** Options of methods other than the one chosen are accepted and do nothing, so that one file serves several runs. */
export const rewardSchema = z.strictObject({
  ...combineOptions,
  ...(mergedOptions(rewardMethods) as MethodOptions),
  /**
   * File with a reward of your own (reward-module.ts): .ts or .js. It is code, and runs. Of an object that a program
   * hands in, its name.
   */
  module: z.string().min(1).optional(),
  /** Longest time that one call of its functions may take; default 60. */
  moduleSeconds: z.number().positive().max(86_400).optional(),
  /** The outcome reward R. */
  outcome: outcomeSchema.prefault({}),
});
