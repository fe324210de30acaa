/**
 * The update gate's reward of GRU-Mem (arXiv 2602.10560): the memory should change on a chunk with evidence and stay as
 * it is on any other,
 *
 *     p_t = 1 if (the gate is open) = (the chunk holds evidence), otherwise -1.
 *
 * Advantages of trajectories and of turns are computed apart, and mixed: A = 0.9 A(R) + 0.1 A(p). The recipe `grumem`
 * sets this: reward.combine `advantages`, alpha 0.1, advantage `mean-std` (which of GRPO's forms it is, is ours).
 *
 * The exit gate's reward is added to the outcome R, where the prompt format has words to stop reading
 * (`PromptFormat.exit`): 0 for stopping at the last chunk with evidence, -0.75 for stopping before it, and -0.5 for
 * reading on after it. The values are the paper's; which of the two faults has which is ours
 * (`reward.grumem.exit` chooses), and so is that a text without evidence can be left after its first chunk.
 *
 * Not here: the reward for the format. A gate is closed if the model says so in the words of its prompt format
 * (`PromptFormat.unchanged`; `babi` has it). Formats without these words have no gate: there, writing the same memory
 * again counts as closing it (ours; `reward.grumem.gate` chooses).
 */
import { z } from 'zod';
import { memoryBefore, memoryTurns, type Trajectory } from '../memory/trajectory.js';
import { meanOf } from './answer-potential.js';
import { RewardError } from './errors.js';
import { filteredChunksOf, type RolloutGroup } from './group.js';
import type { MethodContext, MethodResult, RewardMethod } from './method.js';

const options = {
  grumem: z
    .strictObject({
      /**
       * What closes the gate: `words`, those of the prompt format; `effect`, a memory that is the same as before, by
       * whatever words. Absent: `words` if the format has them, otherwise `effect`.
       */
      gate: z.enum(['words', 'effect']).optional(),
      /** What is taken from the outcome for stopping too early, and too late. Absent: 0.75 and 0.5. */
      exit: z.strictObject({ early: z.number().min(0).default(0.75), late: z.number().min(0).default(0.5) }).optional(),
    })
    .optional(),
};

export const grumem = {
  name: 'grumem',
  summary: "GRU-Mem's update gate: the memory changes on chunks with evidence, and stays on others",
  documentation:
    "The update gate's reward of GRU-Mem (arXiv 2602.10560): p_t = 1 if the gate is open and the chunk holds evidence, or if neither is the case; \
otherwise -1. A = 0.9 A(R) + 0.1 A(p), each compared separately with the other rollouts.",
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
        `The prompts "${frames.format.name}" have no words that close a gate, which reward.grumem.gate "words" needs. Set it to "effect", or memory.prompts to "babi", "chat-gated" or "mini-gated".`,
      );
    }
    const open = groups.map(({ trajectories }) =>
      trajectories.map((trajectory) => memoryTurns(trajectory).map((_, turn) => isOpen(trajectory, turn, gate))),
    );
    const evidence = groups.map((group) =>
      filteredChunksOf(group, 'the method grumem').map((text) => text.trim() !== ''),
    );
    const scores = open.map((rollouts, g) =>
      rollouts.map((turns) => turns.map((each, turn) => (each === evidence[g][turn] ? 1 : -1))),
    );
    const all = open.flat(2).map(Number);
    const metrics = { gate_open: meanOf(all), gate_right: meanOf(scores.flat(2).map((score) => (score + 1) / 2)) };
    if (!frames.exit) {
      if (!own.grumem?.exit) return { scores, metrics };
      throw new RewardError(
        'requirement',
        `The prompts "${frames.format.name}" have no words that stop the reading, which reward.grumem.exit pays for. Leave it out, or set memory.prompts to "chat-gated" or "mini-gated".`,
      );
    }
    const { early = 0.75, late = 0.5 } = own.grumem?.exit ?? {};
    const faults = groups.map(({ trajectories }, g) => trajectories.map((each) => exitFault(each, evidence[g])));
    const taken = (fault: ExitFault) => ({ none: 0, early, late })[fault];
    return {
      scores,
      outcomes: groups.map(({ outcomes }, g) => outcomes.map((outcome, i) => outcome - taken(faults[g][i]))),
      metrics: {
        ...metrics,
        exit_early: meanOf(faults.flat().map((fault) => Number(fault === 'early'))),
        exit_late: meanOf(faults.flat().map((fault) => Number(fault === 'late'))),
      },
    };
  },
} satisfies RewardMethod<typeof options>;

type ExitFault = 'none' | 'early' | 'late';

/** Where a rollout ended its reading, held against the last chunk with evidence. */
function exitFault(trajectory: Trajectory, evidence: readonly boolean[]): ExitFault {
  const read = memoryTurns(trajectory).length;
  const needed = evidence.lastIndexOf(true) + 1;
  if (read < needed) return 'early';
  // A text without evidence can be left after its first chunk.
  return read > Math.max(1, needed) ? 'late' : 'none';
}

function isOpen(trajectory: Trajectory, turn: number, gate: 'words' | 'effect'): boolean {
  const { unchanged = false, memoryIds } = trajectory.turns[turn];
  if (gate === 'words' || unchanged) return !unchanged;
  const before = memoryBefore(trajectory, turn);
  return before.length !== memoryIds.length || memoryIds.some((id, at) => id !== before[at]);
}
