/**
 * Group-relative advantages (GRPO, arXiv 2402.03300) turn by turn, computed while a rollout is still one row: expanded
 * first, long documents would count more in the group's mean.
 */

/** `mean`: reward minus mean (MemAgent, Dr. GRPO); `mean-std`: that over the standard deviation (GRPO). */
export type AdvantageMode = 'mean' | 'mean-std';

/** As in verl: keeps a group of nearly equal rewards from blowing up. */
const EPSILON = 1e-6;

/**
 * Advantages of one group from its rewards, both [G][turns of the rollout], the answer turn last. Memory turns are
 * compared with the same turn of the other rollouts, answers with answers, though rollouts may differ in their number
 * of turns. The standard deviation divides by n - 1, as torch's. A turn that only one rollout has gets 0.
 */
export function groupAdvantages(rewards: readonly (readonly number[])[], mode: AdvantageMode): number[][] {
  const longest = rewards.reduce((most, { length }) => Math.max(most, length - 1), 0);
  const result = rewards.map((rollout) => rollout.map(() => 0));
  const place = (rollout: readonly number[], turn: number) => (turn === longest ? rollout.length - 1 : turn);
  for (let turn = 0; turn <= longest; turn++) {
    const having = rewards.flatMap((rollout, index) =>
      rollout.length > 0 && (turn === longest || turn < rollout.length - 1) ? [index] : [],
    );
    const values = having.map((index) => rewards[index][place(rewards[index], turn)]);
    const advantages = relative(values, mode);
    having.forEach((index, at) => {
      result[index][place(rewards[index], turn)] = advantages[at];
    });
  }
  return result;
}

function relative(values: readonly number[], mode: AdvantageMode): number[] {
  // Equal rewards have no advantage; rounding in the mean must not give them one.
  if (values.every((value) => value === values[0])) return values.map(() => 0);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const centred = values.map((value) => value - mean);
  if (mode === 'mean') return centred;
  const variance = centred.reduce((sum, value) => sum + value * value, 0) / (values.length - 1);
  return centred.map((value) => value / (Math.sqrt(variance) + EPSILON));
}
