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
import { memoryTurns } from '../memory/trajectory.js';
import type { ScoreRow } from '../policy/types.js';
import { RewardError } from './errors.js';
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
  const { temperature, signal } = context;
  const { policy, weights } = context.teacher ?? { policy: context.policy };
  const questions = groups.map((group) => questionOf(group, context));
  const rows = questions.flatMap((question) => question.rows);
  const scored = await policy.score(rows, { temperature, weights, signal });
  const means = scored.map(({ logProbabilities }) => meanOf(logProbabilities));
  let from = 0;
  const potentials = questions.map(({ rows, states, answers }) => {
    const own = means.slice(from, from + rows.length);
    from += rows.length;
    return states.map((numbers) => numbers.map((at) => Math.max(...own.slice(at * answers, (at + 1) * answers))));
  });
  const toGo = context.options.information?.form === 'to-go';
  const gains = potentials.map((rollouts) =>
    rollouts.map((phi) => phi.slice(1).map((next, turn) => (toGo ? phi[phi.length - 1] : next) - phi[turn])),
  );
  const ends = potentials.flat().map((phi) => ({ first: phi[0], last: phi[phi.length - 1] }));
  return {
    scores: normalizeScores(gains, context.options),
    tokens: rows.reduce((sum, { promptIds, completionIds }) => sum + promptIds.length + completionIds.length, 0),
    metrics: {
      answerLogLikelihood: meanOf(ends.map(({ last }) => last)),
      informationGain: meanOf(ends.map(({ first, last }) => last - first)),
    },
  };
}

/** What is scored for a group. Rollouts share memories, the first one above all; each is scored once. */
interface Question {
  /** Of each different memory, one row for every gold answer: [memories x answers]. */
  rows: ScoreRow[];
  answers: number;
  /** Number among the different memories of the first memory and of that after each memory turn: [G][T_i + 1]. */
  states: number[][];
}

/** @throws RewardError `requirement` if the question has no gold answer. */
function questionOf(group: RolloutGroup, { frames, policy, budgets }: MethodContext<typeof options>): Question {
  if (group.answers.length === 0) {
    throw new RewardError(
      'requirement',
      `${JSON.stringify(group.id)} has no gold answer, which the method information needs.`,
    );
  }
  // The policy could not write more than its budget, and the window has no room for more.
  const targets = group.answers.map((answer) =>
    [...frames.tokenizer.encodeText(frames.format.answerTarget(answer)), ...policy.chat.stopIds.slice(0, 1)].slice(
      0,
      budgets.answerTokens,
    ),
  );
  const numbers = new Map<string, number>();
  const rows: ScoreRow[] = [];
  const states = group.trajectories.map((trajectory) => {
    const memories = [trajectory.initialMemoryIds, ...memoryTurns(trajectory).map(({ memoryIds }) => memoryIds)];
    return memories.map((memory) => {
      const key = memory.join();
      const known = numbers.get(key);
      if (known !== undefined) return known;
      const promptIds = frames.answer(trajectory.questionIds, memory);
      rows.push(...targets.map((completionIds) => ({ promptIds, completionIds })));
      numbers.set(key, numbers.size);
      return numbers.size - 1;
    });
  });
  return { rows, answers: targets.length, states };
}

/** 0 of nothing. */
function meanOf(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length;
}
