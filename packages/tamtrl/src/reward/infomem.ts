/**
 * InfoMem (arXiv 2606.03329): a right answer earns more the more its last memory helps to give it. With the gain of the
 * last memory over having none,
 *
 *     g = [log P(y | x, M_T+1) - log P(y | x, no memory)] / |y|, y the gold answer,
 *
 * and z its z-score among the successful rollouts of the question, every turn of a success earns R + weight z, and of a
 * failure R. The paper's findings: rewarding failures too makes training collapse, gains have to be normalised before
 * they are added, and they have to be of the answer and not of the question.
 *
 * Ours: "no memory" is the agent's first memory (all rollouts of a question have the same, so the z-score is the same
 * whatever it is); the weight, which public summaries do not give; a success is an outcome of at least `success`; fewer
 * than two successes, or equal gains, have z 0; the best of several gold answers.
 */
import { z } from 'zod';
import { answerPotentials, meanOf, potentialMetrics } from './answer-potential.js';
import type { RolloutGroup } from './group.js';
import type { MethodContext, MethodResult, RewardMethod } from './method.js';
import { relative } from './standardize.js';

const options = {
  infomem: z
    .strictObject({
      /** Of z beside R; default 0.1. Far above 0.3, a success of a poor memory earns less than a failure. */
      weight: z.number().min(0).optional(),
      /** Least outcome of a success; default 1. */
      success: z.number().optional(),
    })
    .optional(),
};

const WEIGHT = 0.1;

export const infomem = {
  name: 'infomem',
  summary: 'InfoMem: right answers earn more if the last memory makes the gold answer likelier',
  documentation:
    'InfoMem (arXiv 2606.03329): with g = [log P(y | x, M_T+1) - log P(y | x, no memory)] / |y| for the gold answer y, every turn of a \
successful rollout earns R + weight z(g), where z is the z-score among the successful rollouts of the question. Failures earn R.',
  options,
  requires: { score: true },
  turnScores: async (
    groups: readonly RolloutGroup[],
    context: MethodContext<typeof options>,
  ): Promise<MethodResult> => {
    const { weight = WEIGHT, success = 1 } = context.options.infomem ?? {};
    const { phi, tokens } = await answerPotentials(groups, context, 'infomem', { lastOnly: true });
    const outcomes = groups.map((group, g) => {
      const gains = phi[g].map((values) => values[values.length - 1] - values[0]);
      const bonus = amongSuccesses(gains, group.outcomes, success);
      return group.outcomes.map((outcome, i) => outcome + weight * bonus[i]);
    });
    const successes = groups.flatMap((group) => group.outcomes.map((outcome) => Number(outcome >= success)));
    return { outcomes, tokens, metrics: { ...potentialMetrics(phi), successes: meanOf(successes) } };
  },
} satisfies RewardMethod<typeof options>;

/** z-scores of the gains of successes; 0 of failures. */
function amongSuccesses(gains: readonly number[], outcomes: readonly number[], success: number): number[] {
  const places = outcomes.flatMap((outcome, i) => (outcome >= success ? [i] : []));
  const scores = relative(
    places.map((i) => gains[i]),
    true,
  );
  const all = gains.map(() => 0);
  places.forEach((i, at) => {
    all[i] = scores[at];
  });
  return all;
}
