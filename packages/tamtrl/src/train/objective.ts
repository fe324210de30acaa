/**
 * How the policy learns from rollouts. `policy-gradient`: rewards become advantages (reinforce.ts). The other two are
 * baselines that imitate, by cross-entropy on whole rollouts:
 *
 * - `star` (STaR, arXiv 2203.14465): the policy learns from its own rollouts that end in a right answer. Ours: a step
 *   samples from the current weights and continues from them, while STaR trains the initial model again in each round;
 *   all right rollouts of a question count; there are no rationalisations for questions that are never answered.
 * - `distillation` (vanilla knowledge distillation): a teacher that reads the filtered chunks writes memories and
 *   answers, and the policy learns to write them from the whole chunks. `teacher` chooses the weights; those of the
 *   paper's baseline are not public.
 */
import { z } from 'zod';
import type { Example } from '../data/examples.js';
import type { PromptFrames } from '../memory/frames.js';
import { memoryBefore, type Trajectory } from '../memory/trajectory.js';
import { TrainError } from './errors.js';

export const objectiveSchema = z.enum(['policy-gradient', 'star', 'distillation']);
export type Objective = z.output<typeof objectiveSchema>;

/** Both imitate what was written instead of weighing it. */
export function imitates(objective: Objective | undefined): objective is 'star' | 'distillation' {
  return objective === 'star' || objective === 'distillation';
}

/** 1 for every turn that is imitated, 0 for the others: [G][turns], of rollouts with the given outcomes. */
export function imitated(
  objective: 'star' | 'distillation',
  trajectories: readonly Trajectory[],
  outcomes: readonly number[],
): number[][] {
  return trajectories.map(({ turns }, rollout) => {
    const learned = objective === 'distillation' || outcomes[rollout] >= 1;
    return turns.map(() => (learned ? 1 : 0));
  });
}

/** A teacher's rollout with the prompts that the policy reads: the whole chunks instead of the filtered ones. */
export function withWholeChunks(
  trajectory: Trajectory,
  { id, chunks }: Pick<Example, 'id' | 'chunks'>,
  frames: PromptFrames,
): Trajectory {
  const turns = trajectory.turns.map((turn, index) => {
    if (turn.kind === 'answer') return turn;
    const chunk = chunks[turn.chunk?.index ?? -1];
    if (!chunk) throw new TrainError('row-count', `Turn ${index} of ${JSON.stringify(id)} read no chunk of its own.`);
    const promptIds = frames.update(trajectory.questionIds, memoryBefore(trajectory, index), chunk.ids);
    return { ...turn, promptIds, promptTokens: promptIds.length };
  });
  return { ...trajectory, turns };
}
