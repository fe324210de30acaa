/** Groups of rollouts, the unit of rewards and baselines, and one number for each of their memory turns. */
import type { Reference } from '../data/metrics.js';
import { memoryTurns, type Trajectory } from '../memory/trajectory.js';
import type { AgentChunk } from '../text/chunks.js';
import { RewardError } from './errors.js';

/** The rollouts of one question. G rollouts; rollout i has T_i memory turns and, after them, its answer turn. */
export interface RolloutGroup extends Reference {
  id: string;
  question: string;
  answers: readonly string[];
  /** [G] */
  trajectories: readonly Trajectory[];
  /** Outcome reward R of each rollout. [G] */
  outcomes: readonly number[];
  /** What was found in each output as its answer, in the way that the outcomes were scored; absent: unknown. [G] */
  found?: readonly string[];
  /** What `reward.outcome.metric` gives, if a reward of one's own gave the outcomes. [G] */
  metricScores?: readonly number[];
  /** What the rollouts read, a chunk for each memory turn. [T] */
  chunks?: readonly AgentChunk[];
  /** Filtered chunk C_t of each memory turn, empty if nothing is relevant; absent without relevance marks. [T] */
  filteredChunks?: readonly string[];
  /** See `Example.relevantRanges`; absent without relevance marks. [T] */
  relevantRanges?: readonly (readonly { start: number; end: number }[])[];
  /** See `Example.quality`; absent without annotation. */
  quality?: (turn: number, memory: string) => number | undefined;
}

/**
 * The filtered chunks C_t, of which every memory turn has one.
 * @param whose who needs them, in the error
 * @throws RewardError `requirement` without relevance marks; `shape` if a rollout has more turns than filtered chunks.
 */
export function filteredChunksOf(
  { id, filteredChunks, trajectories }: Pick<RolloutGroup, 'id' | 'filteredChunks' | 'trajectories'>,
  whose: string,
): readonly string[] {
  if (!filteredChunks) {
    throw new RewardError('requirement', `${JSON.stringify(id)} has no relevance marks, which ${whose} needs.`);
  }
  const beyond = trajectories.find((trajectory) => memoryTurns(trajectory).length > filteredChunks.length);
  if (!beyond) return filteredChunks;
  throw new RewardError(
    'shape',
    `Rollout ${beyond.sample} of ${JSON.stringify(id)} read more chunks than the ${filteredChunks.length} that were filtered.`,
  );
}

/** One number for each memory turn. [groups][G][T_i] */
export type TurnScores = number[][][];

/**
 * Puts one value per memory turn, listed group by group and rollout by rollout, back into [groups][G][T_i].
 * @throws RewardError `shape` if there are more or fewer values than memory turns.
 */
export function byTurn<T>(groups: readonly RolloutGroup[], values: readonly T[]): T[][][] {
  let at = 0;
  const shaped = groups.map((group) =>
    group.trajectories.map((trajectory) => memoryTurns(trajectory).map(() => values[at++])),
  );
  if (at === values.length) return shaped;
  throw new RewardError('shape', `There are ${values.length} values for ${at} memory turns; expected one for each.`);
}
