/** What an agent is given to read, and how it is to read it. */
import type { Progress } from '../base/progress.js';
import type { AgentChunk } from '../text/chunks.js';
import type { Budgets, PromptFrames } from './frames.js';
import type { ParallelReading } from './settings.js';
import type { Turn } from './trajectory.js';
import type { EmptyRule } from './turn.js';

/** A question and the text to read for it. The agent pulls a few chunks at a time and does not keep them. */
export interface AgentTask {
  id: string;
  question: string;
  chunks: Iterable<AgentChunk> | AsyncIterable<AgentChunk>;
  /** Rollouts of this question; default 1. */
  samples?: number;
  /**
   * Read on with this memory, at this turn, as a reading that was interrupted; default: the first memory, at turn 0.
   */
  from?: { memoryIds: readonly number[]; turn: number };
  /** Replaces the call's seed, for example if a question occurs twice. */
  seed?: number;
}

export interface AgentOptions {
  frames: PromptFrames;
  budgets: Budgets;
  /** Default `keep`. */
  empty?: EmptyRule;
  /** Read stretches of the text side by side and merge their memories; absent: one chunk after another. */
  parallel?: ParallelReading;
  /** 0 is greedy; default 1. */
  temperature?: number;
  topP?: number;
  topK?: number;
  /** Rollouts depend only on this seed (or the task's own), the task's id, the number of the rollout, and the turn. */
  seed: number;
  /**
   * `all` (default) keeps everything that training needs. `memories` drops prompts and log-probabilities. `counts`
   * keeps only the ids of the last memory, so that a text of any length takes the same space.
   */
  keep?: 'all' | 'memories' | 'counts';
  signal?: AbortSignal;
  /** Called after each turn, with all of its ids, whatever `keep` says. */
  onTurn?: (turn: Turn, place: { task: number; sample: number; turn: number }) => void;
  /** Progress within each sampling call. */
  onProgress?: (progress: Progress) => void;
}
