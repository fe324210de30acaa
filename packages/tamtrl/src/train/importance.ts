/**
 * Truncated importance sampling (TIS; Yao et al. 2025, "Your efficient RL framework secretly brings you off-policy RL
 * training"; in verl as rollout importance sampling): if the sampler's probabilities differ from the trainer's, a
 * token's loss is weighted by
 *
 *     w = min(pi_trainer / pi_sampler, cap),
 *
 * with the trainer's probabilities before the first update of the step. Per `sequence`, the ratio is that of the whole
 * output. The weights are constants of the loss. The KL term is not weighted.
 */
import { z } from 'zod';

export const importanceSchema = z.strictObject({
  cap: z.number().positive().default(2),
  level: z.enum(['token', 'sequence']).default('token'),
});
export type ImportanceSampling = z.output<typeof importanceSchema>;

/** Differences beyond this are cut off, as in the loss. */
const LARGEST_DIFFERENCE = 20;

/** Of each token of an output; a token whose log-probability the sampler does not tell counts as equal. */
export function importanceWeights(
  trainer: readonly number[],
  sampler: readonly number[],
  { cap, level }: ImportanceSampling,
): number[] {
  const differences = trainer.map((value, token) => {
    const difference = value - sampler[token];
    return Number.isNaN(difference) ? 0 : difference;
  });
  const weight = (difference: number) => Math.min(cap, Math.exp(Math.min(LARGEST_DIFFERENCE, difference)));
  if (level === 'token') return differences.map(weight);
  const whole = weight(differences.reduce((a, b) => a + b, 0));
  return differences.map(() => whole);
}
