/**
 * Group-relative advantages (GRPO, arXiv 2402.03300) of turns, computed while a rollout is still one row: expanded
 * first, long documents would count more in the group's mean.
 */
import { z } from 'zod';
import { relative } from '../reward/standardize.js';

/**
 * What the reward of a turn is compared with. `question`: the rewards of all turns and rollouts of the question
 * (arXiv 2603.21663, Eq. 7); `kind`: those of all memory turns of the question, or of all its answer turns; otherwise
 * the same turn of the other rollouts. `mean` subtracts the mean (MemAgent,
 * Dr. GRPO); `mean-std` also divides by the standard deviation (GRPO, DAPO).
 */
export const advantageSchema = z.enum([
  'question-mean-std',
  'question-mean',
  'mean-std',
  'mean',
  'kind-mean-std',
  'kind-mean',
]);
export type AdvantageMode = z.output<typeof advantageSchema>;

/**
 * Advantages of one group from its rewards, both [G][turns of the rollout], the answer turn last. The standard
 * deviation divides by n - 1, as torch's.
 */
export function groupAdvantages(rewards: readonly (readonly number[])[], mode: AdvantageMode): number[][] {
  const divided = mode.endsWith('mean-std');
  if (mode.startsWith('question')) return overQuestion(rewards, divided);
  if (mode.startsWith('kind')) return byKind(rewards, divided);
  return turnByTurn(rewards, divided);
}

/** A_it = (r_it - mean(r)) / std(r), with r the rewards of every turn of every rollout. */
function overQuestion(rewards: readonly (readonly number[])[], divided: boolean): number[][] {
  const advantages = relative(rewards.flat(), divided);
  let from = 0;
  return rewards.map(({ length }) => {
    from += length;
    return advantages.slice(from - length, from);
  });
}

/** Memory turns with memory turns, answers with answers: two sets for a question. */
function byKind(rewards: readonly (readonly number[])[], divided: boolean): number[][] {
  const memories = overQuestion(
    rewards.map((rollout) => rollout.slice(0, -1)),
    divided,
  );
  const answers = overQuestion(
    rewards.map((rollout) => rollout.slice(-1)),
    divided,
  );
  return memories.map((own, rollout) => [...own, ...answers[rollout]]);
}

/**
 * Memory turns are compared with the same turn of the other rollouts, answers with answers, though rollouts may differ
 * in their number of turns. A turn that only one rollout has gets 0.
 */
function turnByTurn(rewards: readonly (readonly number[])[], divided: boolean): number[][] {
  const longest = rewards.reduce((most, { length }) => Math.max(most, length - 1), 0);
  const result = rewards.map((rollout) => rollout.map(() => 0));
  const place = (rollout: readonly number[], turn: number) => (turn === longest ? rollout.length - 1 : turn);
  for (let turn = 0; turn <= longest; turn++) {
    const having = rewards.flatMap((rollout, index) =>
      rollout.length > 0 && (turn === longest || turn < rollout.length - 1) ? [index] : [],
    );
    const values = having.map((index) => rewards[index][place(rewards[index], turn)]);
    const advantages = relative(values, divided);
    having.forEach((index, at) => {
      result[index][place(rewards[index], turn)] = advantages[at];
    });
  }
  return result;
}
