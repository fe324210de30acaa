/**
 * From the rewards of a group to the advantages of its turns: rewards may first be summed up over the turns to come,
 * and outcomes and scores may be compared with those of the other rollouts apart.
 */
import { z } from 'zod';
import type { CombineOptions } from '../reward/combine.js';
import { relative } from '../reward/standardize.js';
import { type AdvantageMode, groupAdvantages } from './advantages.js';

const share = z.number().min(0).max(1);

export const returnsSchema = z.strictObject({
  /** Weight of a reward one turn later. */
  gamma: share.default(1),
  /** Of generalised advantage estimation (arXiv 1506.02438); below 1 for `of: rewards` only. */
  lambda: share.default(1),
  /**
   * What is summed up: the rewards, before they are compared with those of others (REINFORCE), or the advantages, after
   * that (IGPO, arXiv 2510.14967; GRPO's process supervision, arXiv 2402.03300).
   */
  of: z.enum(['rewards', 'advantages']).default('rewards'),
});
export type Returns = z.output<typeof returnsSchema>;

/** One question: G rollouts; rewards have T_i + 1 turns, the answer last. */
export interface Credited {
  /** [G][T_i + 1] */
  rewards: readonly (readonly number[])[];
  /** [G] */
  outcomes: readonly number[];
  /** [G][T_i] */
  scores?: readonly (readonly number[])[];
}

export interface CreditOptions {
  advantage: AdvantageMode;
  combine: Pick<CombineOptions, 'combine' | 'alpha'>;
  returns?: Returns;
}

/** [G][T_i + 1] */
export function turnAdvantages(group: Credited, { advantage, combine, returns }: CreditOptions): number[][] {
  const { rewards, outcomes, scores } = group;
  if (combine.combine === 'advantages' && scores) return apart(outcomes, scores, advantage, combine.alpha);
  if (!returns) return groupAdvantages(rewards, advantage);
  const { gamma, lambda, of } = returns;
  if (of === 'advantages') {
    return groupAdvantages(rewards, advantage).map((turns) => discounted(turns, gamma));
  }
  if (lambda < 1) return generalised(rewards, advantage, gamma, lambda);
  return groupAdvantages(
    rewards.map((turns) => discounted(turns, gamma)),
    advantage,
  );
}

/** G_t = sum over k >= t of gamma^(k - t) r_k */
export function discounted(rewards: readonly number[], gamma: number): number[] {
  const sums = [...rewards];
  for (let turn = sums.length - 2; turn >= 0; turn--) sums[turn] += gamma * sums[turn + 1];
  return sums;
}

/**
 * A_t = sum over k >= t of (gamma lambda)^(k - t) delta_k, delta_k = r_k + gamma V_k+1 - V_k. There is no critic: V_k
 * is the mean of the returns G_k of the rollouts of the question that have a turn k (ours). With lambda 1,
 * A_t = G_t - V_t.
 */
function generalised(
  rewards: readonly (readonly number[])[],
  advantage: AdvantageMode,
  gamma: number,
  lambda: number,
): number[][] {
  const compared = groupAdvantages(
    rewards.map((turns) => discounted(turns, gamma)),
    'mean',
  );
  const returns = rewards.map((turns) => discounted(turns, gamma));
  const all = rewards.map((turns, rollout) => {
    const values = turns.map((_, turn) => returns[rollout][turn] - compared[rollout][turn]);
    const deltas = turns.map((reward, turn) => reward + gamma * (values[turn + 1] ?? 0) - values[turn]);
    return discounted(deltas, gamma * lambda);
  });
  // Their mean is 0 already, turn by turn, if all rollouts have the same number of turns.
  return advantage.endsWith('mean-std') ? groupAdvantages(all, 'mean-std') : all;
}

/** (1 - alpha) A(R) + alpha A(p); the answer has no score. */
function apart(
  outcomes: readonly number[],
  scores: readonly (readonly number[])[],
  advantage: AdvantageMode,
  alpha: number,
): number[][] {
  const ofOutcome = relative(outcomes, advantage.endsWith('mean-std'));
  // In the place of the answer, which is dropped again.
  const ofScores = groupAdvantages(
    scores.map((turns) => [...turns, 0]),
    advantage.startsWith('question') ? (advantage.replace('question', 'kind') as AdvantageMode) : advantage,
  );
  return scores.map((turns, rollout) => {
    const own = (1 - alpha) * ofOutcome[rollout];
    return [...turns.map((_, turn) => own + alpha * ofScores[rollout][turn]), own];
  });
}
