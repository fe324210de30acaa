/**
 * The step reward of ReMemR1 (arXiv 2509.23040): how many more of the words of the gold answer the new memory holds
 * than the old one,
 *
 *     p_t = recall(a, M_t+1) - recall(a, M_t), recall(a, M) = (words of a in M) / (words of a).
 *
 * Outcomes and step rewards are compared apart (steps among the rollouts of the question at the same turn), and mixed:
 * A = 0.8 A(R) + 0.2 A(p). Losing words of the answer costs as much as finding them earns (`reward.rememr1.losses:
 * false` leaves that out). The recipe `rememr1` sets reward.combine `advantages`, alpha 0.2 and advantage `mean-std`.
 * The authors' scripts (syr-cn/ReMemR1) subtract the mean without dividing by the standard deviation, and take the mean
 * recall of several gold answers: the recipe `rememr1-mean`.
 *
 * Not here: the callback query and what it recalls (this agent has no callback), and the rewards for its format. Ours:
 * the division by the standard deviation; words are compared after SQuAD's normalisation (the authors look for them
 * anywhere in the text, as they are); of several gold answers the best counts (`reward.rememr1.several`), or their mean
 * where all are wanted.
 */
import { z } from 'zod';
import { memoryTurns } from '../memory/trajectory.js';
import { plainText } from '../memory/turn.js';
import { meanOf } from './answer-potential.js';
import type { RolloutGroup } from './group.js';
import type { MethodContext, MethodResult, RewardMethod } from './method.js';
import { normalizeSquad, squadTokensOfNormalized } from './normalize.js';

const options = {
  rememr1: z
    .strictObject({
      /** A turn that loses words of the answer earns less than 0; default true. */
      losses: z.boolean().optional(),
      /** What counts of several gold answers each of which is right: the best recall (default), or their mean. */
      several: z.enum(['best', 'mean']).optional(),
    })
    .optional(),
};

export const rememr1 = {
  name: 'rememr1',
  summary: "ReMemR1's step reward: words of the gold answer that the new memory holds and the old one does not",
  documentation:
    'The step reward of ReMemR1 (arXiv 2509.23040): p_t = recall(a, M_t+1) - recall(a, M_t), where recall(a, M) is the share of the words of the \
gold answer that the memory holds. A = 0.8 A(R) + 0.2 A(p), each compared separately with the other rollouts.',
  options,
  requires: {},
  turnScores: async (
    groups: readonly RolloutGroup[],
    { policy, options: own }: MethodContext<typeof options>,
  ): Promise<MethodResult> => {
    const { losses = true, several = 'best' } = own.rememr1 ?? {};
    const recalls = groups.map((group) =>
      group.trajectories.map((trajectory) => {
        const memories = [trajectory.initialMemoryIds, ...memoryTurns(trajectory).map(({ memoryIds }) => memoryIds)];
        return memories.map((ids) => answerRecall(group, plainText(policy.tokenizer, ids), several));
      }),
    );
    const scores = recalls.map((rollouts) =>
      rollouts.map((values) =>
        values.slice(1).map((next, turn) => (losses ? next - values[turn] : Math.max(0, next - values[turn]))),
      ),
    );
    return { scores, metrics: { answer_recall: meanOf(recalls.flat().map((values) => values[values.length - 1])) } };
  },
} satisfies RewardMethod<typeof options>;

/** In [0, 1]. An answer without words after normalisation is compared as it is. */
export function answerRecall(
  { answers, answersWanted }: Pick<RolloutGroup, 'answers' | 'answersWanted'>,
  memory: string,
  several: 'best' | 'mean' = 'best',
): number {
  const held = new Set(wordsOf(memory));
  const shares = answers.map((answer) => {
    const words = wordsOf(answer);
    return words.filter((word) => held.has(word)).length / Math.max(1, words.length);
  });
  return answersWanted === 'all' || several === 'mean' ? meanOf(shares) : Math.max(0, ...shares);
}

function wordsOf(text: string): string[] {
  const words = squadTokensOfNormalized(normalizeSquad(text));
  return words.length > 0 ? words : squadTokensOfNormalized(text.toLowerCase());
}
