/**
 * The update gate's reward of GRU-Mem (arXiv 2602.10560): the memory should change on a chunk with evidence and stay as
 * it is on any other,
 *
 *     p_t = 1 if (the gate is open) = (the chunk holds evidence), otherwise -1.
 *
 * Advantages of trajectories and of turns are computed apart, and mixed: A = 0.9 A(R) + 0.1 A(p). The recipe `grumem`
 * sets this: reward.combine `advantages`, alpha 0.1, advantage `mean-std`.
 *
 * Not here: the exit gate and its reward, because this agent reads to the end (later text can change the answer), and
 * the reward for the format. A gate is closed if the model says so in the words of its prompt format
 * (`PromptFormat.unchanged`; `babi` has it). Formats without these words have no gate: there, writing the same memory
 * again counts as closing it (ours; `reward.grumem.gate` chooses).
 */
import { z } from 'zod';
import { memoryBefore, memoryTurns, type Trajectory } from '../memory/trajectory.js';
import { meanOf } from './answer-potential.js';
import { RewardError } from './errors.js';
import type { RolloutGroup } from './group.js';
import type { MethodContext, MethodResult, RewardMethod } from './method.js';

const options = {
  grumem: z
    .strictObject({
      /**
       * What closes the gate: `words`, those of the prompt format; `effect`, a memory that is the same as before, by
       * whatever words. Absent: `words` if the format has them, otherwise `effect`.
       */
      gate: z.enum(['words', 'effect']).optional(),
    })
    .optional(),
};

export const grumem = {
  name: 'grumem',
  summary: "GRU-Mem's update gate: the memory changes on chunks with evidence, and stays on others",
  documentation:
    "The update gate's reward of GRU-Mem (arXiv 2602.10560): p_t = 1 if the gate is open and the chunk holds evidence, or if neither is the case; \
otherwise -1. A = 0.9 A(R) + 0.1 A(p), each z-scored separately.",
  options,
  requires: { relevance: true },
  turnScores: async (
    groups: readonly RolloutGroup[],
    { frames, options: own }: MethodContext<typeof options>,
  ): Promise<MethodResult> => {
    const gate = own.grumem?.gate ?? (frames.unchanged ? 'words' : 'effect');
    if (gate === 'words' && !frames.unchanged) {
      throw new RewardError(
        'requirement',
        `The prompts "${frames.format.name}" have no words that close a gate, which reward.grumem.gate "words" needs. Set it to "effect", or memory.prompts to "babi".`,
      );
    }
    const open = groups.map(({ trajectories }) =>
      trajectories.map((trajectory) => memoryTurns(trajectory).map((_, turn) => isOpen(trajectory, turn, gate))),
    );
    const evidence = groups.map(({ filteredChunks = [] }) => filteredChunks.map((text) => text.trim() !== ''));
    const scores = open.map((rollouts, g) =>
      rollouts.map((turns) => turns.map((each, turn) => (each === evidence[g][turn] ? 1 : -1))),
    );
    const all = open.flat(2).map(Number);
    return {
      scores,
      metrics: { gate_open: meanOf(all), gate_right: meanOf(scores.flat(2).map((score) => (score + 1) / 2)) },
    };
  },
} satisfies RewardMethod<typeof options>;

function isOpen(trajectory: Trajectory, turn: number, gate: 'words' | 'effect'): boolean {
  const { unchanged = false, memoryIds } = trajectory.turns[turn];
  if (gate === 'words' || unchanged) return !unchanged;
  const before = memoryBefore(trajectory, turn);
  return before.length !== memoryIds.length || memoryIds.some((id, at) => id !== before[at]);
}
