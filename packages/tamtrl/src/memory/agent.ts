/**
 * The memory agent: reads one chunk after another, writes a new memory after each, and answers from the last one. Many
 * questions, with several rollouts of each, advance together, with one sampling call for each turn.
 */
import type { Progress } from '../base/progress.js';
import { streamSeed } from '../base/seeds.js';
import type { GenerateRequest } from '../policy/types.js';
import type { AgentChunk } from '../text/chunks.js';
import { Drafting } from './drafting.js';
import { MemoryError } from './errors.js';
import type { Budgets, PromptFrames } from './frames.js';
import type { Trajectory, Turn } from './trajectory.js';
import {
  asMemory,
  type EmptyRule,
  firstMemoryOf,
  type MemoryModel,
  memoryAfter,
  type Output,
  questionIdsOf,
  sampleTurn,
  turnOf,
} from './turn.js';

/** A question and the text to read for it. The agent pulls the chunks one at a time and does not keep them. */
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

interface GroupRun {
  task: number;
  seed: number;
  iterator: Iterator<AgentChunk> | AsyncIterator<AgentChunk>;
  questionIds: number[];
  trajectories: Trajectory[];
  memories: (readonly number[])[];
  /** One for each rollout. */
  drafting: Drafting[];
  turn: number;
  chunk?: AgentChunk;
}

/** Rollouts `first` … `first + count - 1` of a group that one request asks for. */
interface Asked {
  group: GroupRun;
  first: number;
  promptIds: number[];
}

/**
 * Runs every task to its answer: [tasks][samples].
 * @throws MemoryError `window` or `question-too-long` before anything is sampled, or `chunk-too-long` when such a chunk
 *   comes.
 */
export async function runAgent(
  model: MemoryModel,
  tasks: readonly AgentTask[],
  options: AgentOptions,
): Promise<Trajectory[][]> {
  options.frames.checkWindow(options.budgets, model.contextLength);
  const groups = tasks.map((task, index) => startGroup(model, task, index, options));
  let live = groups.filter((group) => group.trajectories.length > 0);
  try {
    while (live.length > 0) {
      options.signal?.throwIfAborted();
      for (const group of live) group.chunk = await nextChunk(group, tasks[group.task], options.budgets);
      await takeTurn(model, live, tasks, options);
      live = live.filter((group) => group.chunk !== undefined);
    }
  } finally {
    for (const { iterator } of live) await iterator.return?.();
  }
  return groups.map((group) => group.trajectories);
}

function startGroup(model: MemoryModel, task: AgentTask, index: number, options: AgentOptions): GroupRun {
  const { frames, budgets } = options;
  const questionIds = questionIdsOf(frames, budgets, task.question, task.id);
  const initialMemoryIds = task.from?.memoryIds ?? firstMemoryOf(frames, budgets, task.question, task.id);
  const trajectories = Array.from({ length: task.samples ?? 1 }, (_, sample): Trajectory => {
    return { questionId: task.id, sample, questionIds, initialMemoryIds, turns: [], output: '' };
  });
  const { chunks } = task;
  const iterator = Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  const memories = trajectories.map(() => initialMemoryIds);
  const seed = task.seed ?? options.seed;
  const drafting = trajectories.map(() => new Drafting(model.chat, options.frames));
  return { task: index, seed, iterator, questionIds, trajectories, memories, drafting, turn: task.from?.turn ?? 0 };
}

async function nextChunk(group: GroupRun, task: AgentTask, budgets: Budgets): Promise<AgentChunk | undefined> {
  const next = await group.iterator.next();
  if (next.done) return undefined;
  const chunk = next.value;
  if (chunk.ids.length > budgets.chunkTokens) {
    throw new MemoryError(
      'chunk-too-long',
      `Chunk ${chunk.index} of ${JSON.stringify(task.id)} has ${chunk.ids.length} tokens; chunkTokens allows ${budgets.chunkTokens}. Cut the text with the same chunkTokens.`,
    );
  }
  return chunk;
}

/**
 * One sampling call for all live groups: an update for each group that has a chunk, and the answer for each whose text
 * has ended.
 */
async function takeTurn(
  model: MemoryModel,
  live: readonly GroupRun[],
  tasks: readonly AgentTask[],
  options: AgentOptions,
): Promise<void> {
  const { frames, budgets, temperature = 1, topP, topK, signal, onProgress } = options;
  const asked: Asked[] = [];
  const requests: GenerateRequest[] = [];
  for (const group of live) {
    // Before the first turn all memories are the same, so one prompt serves the group.
    const isFirst = group.turn === (tasks[group.task].from?.turn ?? 0);
    const distinct = isFirst ? 1 : group.trajectories.length;
    const id = group.trajectories[0].questionId;
    for (let first = 0; first < distinct; first++) {
      const memory = group.memories[first];
      const promptIds = group.chunk
        ? frames.update(group.questionIds, memory, group.chunk.ids)
        : frames.answer(group.questionIds, memory);
      asked.push({ group, first, promptIds });
      requests.push({
        promptIds,
        samples: isFirst ? group.trajectories.length : 1,
        maxTokens: group.chunk ? budgets.memoryTokens : budgets.answerTokens,
        draft: group.chunk && group.drafting[first].next(memory),
        sharedTokens: distinct > 1 && group.chunk ? frames.sharedTokens(group.questionIds, group.chunk.ids) : undefined,
        seed: streamSeed(group.seed, id, group.turn, first),
      });
    }
  }
  const started = performance.now();
  const maxTokens = Math.max(budgets.memoryTokens, budgets.answerTokens);
  const results = await sampleTurn(model, requests, { maxTokens, temperature, topP, topK, signal, onProgress });
  const seconds = (performance.now() - started) / 1000;
  asked.forEach(({ group, first, promptIds }, request) => {
    results[request].forEach((output, at) => {
      record(group, first + at, promptIds, output, seconds, options);
    });
  });
  for (const group of live) group.turn++;
}

function record(
  group: GroupRun,
  index: number,
  promptIds: number[],
  output: Output,
  seconds: number,
  options: AgentOptions,
): void {
  const { frames, keep = 'all', empty: rule = 'keep' } = options;
  const { chunk } = group;
  const trajectory = group.trajectories[index];
  const written = chunk ? asMemory(output, frames) : output;
  group.drafting[index].saw(output.draft);
  if (chunk) group.memories[index] = memoryAfter(group.memories[index], written, rule);
  else trajectory.output = output.text;
  const turn = turnOf(chunk ? 'memory' : 'answer', promptIds, written, group.memories[index], seconds);
  if (chunk) turn.chunk = { index: chunk.index, start: chunk.start, end: chunk.end, tokens: chunk.ids.length };
  options.onTurn?.(turn, { task: group.task, sample: index, turn: group.turn });
  trajectory.turns.push(keep === 'all' ? turn : lighter(turn, keep));
}

/** The answer turn always keeps the ids of its memory: a trajectory has only one answer turn. */
function lighter(turn: Turn, keep: 'memories' | 'counts'): Turn {
  const light: Turn = { ...turn, promptIds: [], logProbabilities: [] };
  return keep === 'counts' && turn.kind === 'memory' ? { ...light, outputIds: [], memoryIds: [] } : light;
}
