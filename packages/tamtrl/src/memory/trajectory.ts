/** The record of a memory agent's way through a text. */

/** Why the model stopped writing: it ended its turn, or reached the token limit. */
export type StopReason = 'stop' | 'length';

/** Where a chunk lies in the rendered text (UTF-16 code units). */
export interface ChunkPlace {
  index: number;
  start: number;
  end: number;
  tokens: number;
}

/** Numbers of tokens. */
export interface DraftCounts {
  drafted: number;
  accepted: number;
}

/**
 * One conversation: a prompt and what the model wrote. The id arrays are empty if the agent was told not to keep
 * them (see `AgentOptions.keep`); the counts are always there.
 */
export interface Turn {
  kind: 'memory' | 'answer';
  promptIds: number[];
  /** Everything the model wrote, thoughts and stop token included. Training uses all of it. */
  outputIds: number[];
  /** Log-probability of each output token when it was sampled. */
  logProbabilities: number[];
  /**
   * After a memory turn, the memory that the next prompt holds. After the answer, the memory that the answer was given
   * from.
   */
  memoryIds: number[];
  promptTokens: number;
  outputTokens: number;
  memoryTokens: number;
  stopReason: StopReason;
  /** The model wrote nothing but white space. */
  empty: boolean;
  /** The model said that the memory stays as it is. */
  unchanged?: boolean;
  /** The model said that it need not read on: the answer follows, whatever is left of the text. */
  exited?: boolean;
  /** Tokens of the draft, and how many of them the model wrote; absent if no draft was verified. */
  draft?: DraftCounts;
  /** Of a memory turn that read a chunk; absent where memories were merged. */
  chunk?: ChunkPlace;
  /**
   * Of a reading side by side: the turns whose memories the prompt holds, none for the first memory. Absent: that of
   * the turn before.
   */
  reads?: number[];
  /** Wall time of the sampling call that this turn shared with others; 0 if an earlier call computed it ahead. */
  seconds: number;
}

/** One rollout. */
export interface Trajectory {
  questionId: string;
  /** Number within its group, from 0. */
  sample: number;
  questionIds: readonly number[];
  initialMemoryIds: readonly number[];
  /** Memory turns in order, then the answer turn. */
  turns: Turn[];
  /** The output of the answer turn, without thoughts and special tokens, before the answer is extracted from it. */
  output: string;
}

/** The memory that turn `turn` of a trajectory read; of several that were merged, the first. */
export function memoryBefore(trajectory: Trajectory, turn: number): readonly number[] {
  const { reads } = trajectory.turns[turn];
  if (reads) return reads.length === 0 ? trajectory.initialMemoryIds : trajectory.turns[reads[0]].memoryIds;
  return turn === 0 ? trajectory.initialMemoryIds : trajectory.turns[turn - 1].memoryIds;
}

/** Number of memory turns: all turns but the answer. */
export function memoryTurns(trajectory: Trajectory): Turn[] {
  return trajectory.turns.filter((turn) => turn.kind === 'memory');
}
