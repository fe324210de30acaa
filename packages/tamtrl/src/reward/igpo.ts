/**
 * IGPO (arXiv 2510.14967): a turn earns what it adds to the probability of the gold answer a,
 *
 *     p_t = pi(a | q, M_t+1) - pi(a | q, M_t), pi(a | q, M) = exp((1 / |a|) sum_j log pi(a_j | q, M, a_<j)),
 *
 * and the answer turn the outcome (the paper's is F1: reward.outcome.metric). All rewards of the question are z-scored
 * together, and a turn's advantage is the discounted sum of its own and the later z-scores. The recipe `igpo` sets
 * this: reward.combine `score`, advantage `question-mean-std`, returns { of: advantages, gamma: 1 }.
 *
 * The paper's second version (ICLR 2026) takes log pi for pi (`reward.igpo.value: log`) and z-scores gains and outcomes
 * apart (advantage `kind-mean-std`): the recipe `igpo-log`. `igpo-separate` does the latter alone.
 *
 * Ours: the memory stands in for the history, because it is all that an agent of this kind has of it; the best of
 * several gold answers; the stop token counts as a token of the answer.
 */
import { z } from 'zod';
import { answerPotentials, meanOf, potentialMetrics } from './answer-potential.js';
import type { RolloutGroup } from './group.js';
import type { MethodContext, MethodResult, RewardMethod } from './method.js';

const options = {
  igpo: z
    .strictObject({
      /** Of what the gain is: the gold answer's probability (default) or log-probability, per token. */
      value: z.enum(['probability', 'log']).optional(),
    })
    .optional(),
};

export const igpo = {
  name: 'igpo',
  summary: 'IGPO: gain in the probability of the gold answer, turn by turn, summed up over the turns to come',
  documentation:
    'IGPO (arXiv 2510.14967): p_t = pi(a | q, M_t+1) - pi(a | q, M_t), where pi(a | q, M) = exp((1 / |a|) sum_j log pi(a_j | q, M, a_<j)) is the \
probability of the gold answer a, per token. The answer turn earns R. The rewards are z-scored together, and a turn gets the sum of its own and all later z-scores.',
  options,
  requires: { score: true },
  turnScores: async (
    groups: readonly RolloutGroup[],
    context: MethodContext<typeof options>,
  ): Promise<MethodResult> => {
    const { phi, tokens } = await answerPotentials(groups, context, 'igpo');
    const worth = context.options.igpo?.value === 'log' ? (x: number) => x : Math.exp;
    const scores = phi.map((rollouts) =>
      rollouts.map((values) => values.slice(1).map((next, turn) => worth(next) - worth(values[turn]))),
    );
    const last = phi.flat().map((values) => Math.exp(values[values.length - 1]));
    return { scores, tokens, metrics: { ...potentialMetrics(phi), answerProbability: meanOf(last) } };
  },
} satisfies RewardMethod<typeof options>;
