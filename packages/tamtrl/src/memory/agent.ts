/**
 * The memory agent: reads one chunk after another, writes a new memory after each, and answers from the last one. Many
 * questions, with several rollouts of each, advance together, with one sampling call for each turn.
 */
import { streamSeed } from '../base/seeds.js';
import type { GenerateRequest } from '../policy/types.js';
import type { AgentChunk } from '../text/chunks.js';
import type { AgentOptions, AgentTask } from './agent-options.js';
import { Ahead, longestAhead, sameMemory } from './ahead.js';
import { Drafting } from './drafting.js';
import { MemoryError } from './errors.js';
import type { Budgets } from './frames.js';
import { runParallel } from './parallel.js';
import type { Trajectory, Turn } from './trajectory.js';
import {
  asMemory,
  firstMemoryOf,
  type MemoryModel,
  memoryAfter,
  type Output,
  questionIdsOf,
  sampleTurn,
  turnOf,
} from './turn.js';

export type { AgentOptions, AgentTask };

interface GroupRun {
  task: number;
  seed: number;
  iterator: Iterator<AgentChunk> | AsyncIterator<AgentChunk>;
  questionIds: number[];
  trajectories: Trajectory[];
  memories: (readonly number[])[];
  /** One for each rollout. */
  drafting: Drafting[];
  /** One for each rollout. */
  ahead: Ahead<Sampled>[];
  /** Of each rollout. Without gates all of them read to the end of the text. */
  phases: ('reading' | 'answering' | 'done')[];
  turn: number;
  /** The chunk of this turn and those after it that have been pulled; empty if the text has ended. */
  chunks: AgentChunk[];
  ended: boolean;
}

/** What the model wrote for a prompt. */
interface Sampled {
  promptIds: number[];
  output: Output;
  /** Of the call; 0 for an update that was computed ahead. */
  seconds: number;
}

/** Rollouts from `first` on that one request asks for: those of a whole group before its first turn, else one. */
interface Asked {
  group: GroupRun;
  first: number;
  request: GenerateRequest;
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
  const { parallel } = options;
  if (parallel) return runParallel(model, tasks, { ...options, parallel });
  options.frames.checkWindow(options.budgets, model.contextLength);
  const groups = tasks.map((task, index) => startGroup(model, task, index, options));
  let live = groups.filter((group) => group.trajectories.length > 0);
  try {
    while (live.length > 0) {
      options.signal?.throwIfAborted();
      const rollouts = live.reduce((sum, { phases }) => sum + phases.filter((phase) => phase !== 'done').length, 0);
      const longest = longestAhead(model, rollouts);
      const pull = async (times: number) => {
        for (const group of live.filter(isReading))
          await pullChunks(group, tasks[group.task], times * widest(group, longest), options);
      };
      await pull(1);
      // Where it computes here, the next chunks are cut meanwhile.
      const pulling = pull(model.capabilities?.speculation ? 3 : 1);
      pulling.catch(() => {});
      await takeTurn(model, live, tasks, longest, options);
      await pulling;
      for (const group of live) {
        if (isReading(group)) group.chunks.shift();
        // Nobody reads on, so the rest of the text is not even cut.
        else if (!group.ended) await endText(group);
      }
      live = live.filter(({ phases }) => phases.some((phase) => phase !== 'done'));
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
  const ahead = trajectories.map(() => new Ahead<Sampled>());
  const turn = task.from?.turn ?? 0;
  const group = { task: index, seed, iterator, questionIds, trajectories, memories, drafting, ahead, turn };
  return { ...group, phases: trajectories.map(() => 'reading'), chunks: [], ended: false };
}

function isReading({ phases }: GroupRun): boolean {
  return phases.includes('reading');
}

async function endText(group: GroupRun): Promise<void> {
  group.ended = true;
  group.chunks = [];
  await group.iterator.return?.();
}

/** Updates that the next call asks for, at least one. */
function widest({ ahead }: GroupRun, longest: number): number {
  return Math.max(1, ...ahead.map((each) => each.wanted(longest)));
}

/** Pulls chunks until there are `wanted`, or the text has ended. */
async function pullChunks(
  group: GroupRun,
  task: AgentTask,
  wanted: number,
  { budgets }: Pick<AgentOptions, 'budgets'>,
): Promise<void> {
  while (!group.ended && group.chunks.length < wanted) {
    const next = await group.iterator.next();
    if (next.done) group.ended = true;
    else group.chunks.push(fitting(next.value, task, budgets));
  }
}

function fitting(chunk: AgentChunk, task: AgentTask, budgets: Budgets): AgentChunk {
  if (chunk.ids.length > budgets.chunkTokens) {
    throw new MemoryError(
      'chunk-too-long',
      `Chunk ${chunk.index} of ${JSON.stringify(task.id)} has ${chunk.ids.length} tokens; chunkTokens allows ${budgets.chunkTokens}. Cut the text with the same chunkTokens.`,
    );
  }
  return chunk;
}

/**
 * One turn of all live groups, with at most one sampling call: an update for each group that has a chunk, and the
 * answer for each whose text has ended.
 */
async function takeTurn(
  model: MemoryModel,
  live: readonly GroupRun[],
  tasks: readonly AgentTask[],
  longest: number,
  options: AgentOptions,
): Promise<void> {
  // Before the first turn all memories are the same, so one prompt serves the group.
  const isFirst = (group: GroupRun) => group.turn === (tasks[group.task].from?.turn ?? 0);
  const asked = live.flatMap((group) =>
    isFirst(group) && group.trajectories.length > 1
      ? [askOf(group, 0, 0, group.trajectories.length, options)]
      : group.ahead.flatMap((ahead, rollout) =>
          Array.from({ length: askedAhead(ahead.wanted(longest), group, rollout) }, (_, later) =>
            askOf(group, rollout, later, 1, options),
          ),
        ),
  );
  await sampleAll(model, asked, options);
  for (const group of live) {
    group.phases.forEach((phase, rollout) => {
      if (phase !== 'done') record(group, rollout, options);
    });
    group.turn++;
  }
}

/** Updates to ask for; where a rollout reads no chunk, what is asked for is the answer. */
function askedAhead(wanted: number, { phases, chunks }: GroupRun, rollout: number): number {
  if (phases[rollout] === 'done') return 0;
  return Math.min(wanted, phases[rollout] === 'reading' ? Math.max(1, chunks.length) : 1);
}

/** The request for the update of the chunk `later` turns from now, if the memory stays as it is until then. */
function askOf(
  group: GroupRun,
  rollout: number,
  later: number,
  samples: number,
  { frames, budgets }: AgentOptions,
): Asked {
  const { questionIds, chunks, seed } = group;
  const memory = group.memories[rollout];
  const random = streamSeed(seed, group.trajectories[0].questionId, group.turn + later, rollout);
  if (chunks.length === 0 || group.phases[rollout] === 'answering') {
    const promptIds = frames.answer(questionIds, memory);
    return { group, first: rollout, request: { promptIds, samples, maxTokens: budgets.answerTokens, seed: random } };
  }
  const { ids } = chunks[later];
  const shares = group.trajectories.length > 1;
  const request: GenerateRequest = {
    promptIds: frames.update(questionIds, memory, ids),
    samples,
    maxTokens: budgets.memoryTokens,
    draft: group.drafting[rollout].next(memory),
    ...(shares && { sharedTokens: frames.sharedTokens(questionIds, ids) }),
    seed: random,
  };
  return { group, first: rollout, request };
}

async function sampleAll(model: MemoryModel, asked: readonly Asked[], options: AgentOptions): Promise<void> {
  if (asked.length === 0) return;
  const { budgets, temperature = 1, topP, topK, signal, onProgress } = options;
  const maxTokens = Math.max(budgets.memoryTokens, budgets.answerTokens);
  const started = performance.now();
  const requests = asked.map(({ request }) => request);
  const results = await sampleTurn(model, requests, { maxTokens, temperature, topP, topK, signal, onProgress });
  const seconds = (performance.now() - started) / 1000;
  const known = new Map<Ahead<Sampled>, Sampled[]>();
  asked.forEach(({ group, first, request: { promptIds } }, at) => {
    results[at].forEach((output, sample) => {
      const ahead = group.ahead[first + sample];
      const list = known.get(ahead) ?? [];
      list.push({ promptIds: promptIds as number[], output, seconds: list.length === 0 ? seconds : 0 });
      known.set(ahead, list);
    });
  });
  for (const [ahead, list] of known) ahead.put(list);
}

function record(group: GroupRun, rollout: number, options: AgentOptions): void {
  const { frames, keep = 'all', empty: rule = 'keep' } = options;
  const chunk = group.phases[rollout] === 'reading' ? group.chunks.at(0) : undefined;
  const trajectory = group.trajectories[rollout];
  const ahead = group.ahead[rollout];
  const { promptIds, output, seconds } = ahead.take();
  const written = chunk ? asMemory(output, frames) : output;
  group.drafting[rollout].saw(output.draft);
  const before = group.memories[rollout];
  if (chunk) group.memories[rollout] = memoryAfter(before, written, rule);
  else trajectory.output = output.text;
  ahead.saw(!sameMemory(before, group.memories[rollout]));
  if (!chunk) group.phases[rollout] = 'done';
  else if (written.exited) {
    group.phases[rollout] = 'answering';
    ahead.forget();
  }
  const turn = turnOf(chunk ? 'memory' : 'answer', promptIds, written, group.memories[rollout], seconds);
  if (chunk) turn.chunk = { index: chunk.index, start: chunk.start, end: chunk.end, tokens: chunk.ids.length };
  options.onTurn?.(turn, { task: group.task, sample: rollout, turn: group.turn });
  trajectory.turns.push(keep === 'all' ? turn : lighter(turn, keep));
}

/** The answer turn always keeps the ids of its memory: a trajectory has only one answer turn. */
function lighter(turn: Turn, keep: 'memories' | 'counts'): Turn {
  const light: Turn = { ...turn, promptIds: [], logProbabilities: [] };
  return keep === 'counts' && turn.kind === 'memory' ? { ...light, outputIds: [], memoryIds: [] } : light;
}
