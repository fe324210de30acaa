/**
 * Answer-conditioned information: a memory earns what it adds to the likelihood of the gold answer. With
 *
 *     Phi(M) = max over gold answers a of (1 / |a|) sum_j log pi(a_j | q, M, a_<j)
 *
 * read from the prompt that asks for the answer, the score of memory turn t, which writes M_t+1 over M_t, is
 *
 *     gain     p_t = Phi(M_t+1) - Phi(M_t)
 *     to-go    p_t = Phi(M_T+1) - Phi(M_t), this gain and all later ones
 *
 * Phi depends on the memory alone, so it is a potential (Ng, Harada and Russell, ICML 1999): the gains of a rollout add
 * up to Phi of its last memory minus Phi of its first, and facts that are dropped and found again earn nothing. Where
 * the parts come from: IGPO (arXiv 2510.14967) rewards each turn with the gain in the gold answer's probability;
 * InfoMem (arXiv 2606.03329) rewards the last memory with the gain in its log-likelihood per token. Ours: the
 * log-likelihood turn by turn, the form to-go, the best of several gold answers, and, as for tamtrl, min-max (after
 * which scores no longer add up) and the combination with R. No annotation is needed, only gold answers.
 */
import { z } from 'zod';
import { answerPotentials, potentialMetrics } from './answer-potential.js';
import type { RolloutGroup } from './group.js';
import type { MethodContext, MethodResult, RewardMethod } from './method.js';
import { normalizationOptions, normalizeScores } from './score-normalization.js';

const options = {
  ...normalizationOptions,
  information: z
    .strictObject({
      /** What a turn earns: its own gain (default), or also the later ones of its rollout. */
      form: z.enum(['gain', 'to-go']).optional(),
    })
    .optional(),
};

export const information = {
  name: 'information',
  summary: 'information gain: how much more likely each memory makes the gold answer',
  documentation:
    'p_t = Phi(M_t+1) - Phi(M_t), where Phi(M) = (1 / |a|) sum_j log pi(a_j | q, M, a_<j) is the log-likelihood of the gold \
answer a, as the prompt format writes it and with its stop token, in the prompt that asks for the answer. If there are \
several gold answers, the most likely one counts, chosen for each memory (_ours_).',
  options,
  requires: { score: true },
  turnScores: scoreWithAnswer,
} satisfies RewardMethod<typeof options>;

async function scoreWithAnswer(
  groups: readonly RolloutGroup[],
  context: MethodContext<typeof options>,
): Promise<MethodResult> {
  const { phi: potentials, tokens } = await answerPotentials(groups, context, 'information');
  const toGo = context.options.information?.form === 'to-go';
  const gains = potentials.map((rollouts) =>
    rollouts.map((phi) => phi.slice(1).map((next, turn) => (toGo ? phi[phi.length - 1] : next) - phi[turn])),
  );
  return { scores: normalizeScores(gains, context.options), tokens, metrics: potentialMetrics(potentials) };
}
