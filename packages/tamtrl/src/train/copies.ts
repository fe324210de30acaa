/**
 * Memories that hold nothing of the text: copies of the question, or of the wording around it. A policy that is
 * rewarded for what is likely can fall into them.
 */
import type { PromptFrames } from '../memory/frames.js';
import { memoryTurns, type Trajectory } from '../memory/trajectory.js';

/** Share of a memory's tokens that are the question's, from which it is a copy. */
const OF_QUESTION = 0.9;
/** Tokens in a row; shorter ones are in any text. */
const RUN = 4;
/** Share of its runs that are in the wording, from which a memory is a copy of it. */
const OF_WORDING = 0.5;

export interface CopyRates {
  /** Share of the memories that consist of the question's tokens; empty ones are not copies. */
  question_copy_rate: number;
  /** Share of the memories half of which, in runs of four tokens, is the prompt's fixed wording. */
  prompt_copy_rate: number;
}

export function copyRates(trajectories: readonly Trajectory[], frames: Pick<PromptFrames, 'update'>): CopyRates {
  const wording = runsOf(frames.update([], [], []));
  let memories = 0;
  let ofQuestion = 0;
  let ofWording = 0;
  for (const trajectory of trajectories) {
    const question = new Set(trajectory.questionIds);
    for (const { memoryIds } of memoryTurns(trajectory)) {
      memories++;
      const held = memoryIds.filter((id) => question.has(id)).length;
      if (memoryIds.length > 0 && held >= OF_QUESTION * memoryIds.length) ofQuestion++;
      const runs = [...runsOf(memoryIds)];
      if (runs.length > 0 && runs.filter((run) => wording.has(run)).length >= OF_WORDING * runs.length) ofWording++;
    }
  }
  const share = (found: number) => (memories === 0 ? 0 : found / memories);
  return { question_copy_rate: share(ofQuestion), prompt_copy_rate: share(ofWording) };
}

function runsOf(ids: readonly number[]): Set<string> {
  return new Set(Array.from({ length: Math.max(0, ids.length - RUN + 1) }, (_, at) => ids.slice(at, at + RUN).join()));
}
