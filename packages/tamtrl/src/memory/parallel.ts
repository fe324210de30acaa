/**
 * The memory agent side by side, in the manner of PI-Mem (arXiv 2608.03048): stretches of the text are read at the same
 * time, each from the first memory, and their memories are merged in rounds until one is left, from which the answer is
 * given. Stretches follow one another as in the text, and so do the memories of a merge.
 *
 * Ours: a stretch may be several chunks, which are read one after another; a merge asks the model to update the
 * earliest memory with the later ones in the place of a chunk, unless the prompt format has a wording of its own; a
 * memory that is still the first one holds nothing, so that merging it needs no model; the number of rounds is what the
 * text needs, and there is no reward for fewer.
 */
import { streamSeed } from '../base/seeds.js';
import type { GenerateRequest } from '../policy/types.js';
import type { AgentChunk } from '../text/chunks.js';
import type { AgentOptions, AgentTask } from './agent-options.js';
import { sameMemory } from './ahead.js';
import { MemoryError } from './errors.js';
import type { ParallelReading } from './settings.js';
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

/** Updates that one call asks for: as many as a small model computes faster together than apart. */
const ROWS = 64;

/** A memory, and the turn that wrote it; without one it is the first memory. */
interface Known {
  ids: readonly number[];
  turn?: Turn;
}

interface Rollout {
  sample: number;
  /** Of the stretches that have been read, in the order of the text; later of merges. */
  memories: Known[];
  turns: Turn[];
  /** Turns whose memories the prompt of a turn holds. */
  sources: Map<Turn, readonly Turn[]>;
  output: string;
}

interface Reading {
  task: AgentTask;
  number: number;
  seed: number;
  questionIds: number[];
  first: readonly number[];
  iterator: Iterator<AgentChunk> | AsyncIterator<AgentChunk>;
  ended: boolean;
  rollouts: Rollout[];
}

/** A prompt for one rollout, or before anything is known for all rollouts of a question. */
interface Asked {
  reading: Reading;
  rollouts: readonly Rollout[];
  request: GenerateRequest;
  /** Takes what the model wrote, in the order of the rollouts. */
  take(rollout: Rollout, output: Output, promptIds: number[], seconds: number): void;
}

/**
 * As `runAgent`, side by side: [tasks][samples]. The memory turns of a trajectory are those of the chunks in order,
 * then the merges round by round; `Turn.reads` says which memories each of them read.
 * @throws MemoryError as `runAgent`, and `invalid-argument` for a prompt format that stops reading or a task that goes
 *   on with a memory.
 */
export async function runParallel(
  model: MemoryModel,
  tasks: readonly AgentTask[],
  options: AgentOptions & { parallel: ParallelReading },
): Promise<Trajectory[][]> {
  const { frames, budgets, parallel, signal } = options;
  frames.checkWindow(budgets, model.contextLength);
  frames.checkMerge(budgets, parallel.width, model.contextLength);
  if (frames.exit !== undefined) {
    throw new MemoryError(
      'invalid-argument',
      `The prompts "${frames.format.name}" let the model stop reading, but side by side all chunks are read at once. Set memory.parallel to 0, or memory.prompts to a wording without an exit.`,
    );
  }
  const readings = tasks.map((task, number) => begun(task, number, options));
  try {
    const stretches = () => {
      const rollouts = readings.reduce((sum, { ended, rollouts }) => sum + (ended ? 0 : rollouts.length), 0);
      return Math.max(1, Math.floor(ROWS / Math.max(1, rollouts)));
    };
    while (readings.some(({ ended }) => !ended)) {
      signal?.throwIfAborted();
      await readStretches(model, readings, stretches(), options);
    }
  } finally {
    for (const { iterator, ended } of readings) if (!ended) await iterator.return?.();
  }
  for (let round = 0; readings.some(({ rollouts }) => rollouts.some(({ memories }) => memories.length > 1)); round++) {
    signal?.throwIfAborted();
    await mergeOnce(model, readings, round, options);
  }
  await answer(model, readings, options);
  return readings.map((reading) => reading.rollouts.map((rollout) => trajectoryOf(reading, rollout, options)));
}

function begun(task: AgentTask, number: number, options: AgentOptions): Reading {
  const { frames, budgets } = options;
  if (task.from) {
    throw new MemoryError(
      'invalid-argument',
      `${JSON.stringify(task.id)} goes on with a memory, but side by side every stretch is read from the first one. Leave out from, or memory.parallel.`,
    );
  }
  const { chunks } = task;
  return {
    task,
    number,
    seed: task.seed ?? options.seed,
    questionIds: questionIdsOf(frames, budgets, task.question, task.id),
    first: firstMemoryOf(frames, budgets, task.question, task.id),
    iterator: Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator](),
    ended: false,
    rollouts: Array.from({ length: task.samples ?? 1 }, (_, sample): Rollout => {
      return { sample, memories: [], turns: [], sources: new Map(), output: '' };
    }),
  };
}

/** Reads the next stretches of all texts, all first chunks together, then all second ones, and so on. */
async function readStretches(
  model: MemoryModel,
  readings: readonly Reading[],
  most: number,
  options: AgentOptions & { parallel: ParallelReading },
): Promise<void> {
  const { frames, budgets, parallel } = options;
  const stretches: { reading: Reading; chunks: AgentChunk[]; known: Map<Rollout, Known> }[] = [];
  for (const reading of readings) {
    for (let stretch = 0; stretch < most && !reading.ended; stretch++) {
      const chunks = await nextChunks(reading, parallel.chunks, budgets.chunkTokens);
      if (chunks.length === 0) continue;
      stretches.push({
        reading,
        chunks,
        known: new Map(reading.rollouts.map((each) => [each, { ids: reading.first }])),
      });
    }
  }
  for (let step = 0; step < parallel.chunks; step++) {
    const asked = stretches.flatMap(({ reading, chunks, known }): Asked[] => {
      const chunk = chunks[step];
      if (!chunk) return [];
      const { questionIds, seed, task, rollouts, first } = reading;
      const ask = (own: readonly Rollout[]): Asked => ({
        reading,
        rollouts: own,
        request: {
          promptIds: frames.update(questionIds, known.get(own[0])?.ids ?? first, chunk.ids),
          samples: own.length,
          maxTokens: budgets.memoryTokens,
          seed: streamSeed(seed, task.id, chunk.index, own[0].sample),
        },
        take: (rollout, output, promptIds, seconds) => {
          const before = known.get(rollout) ?? { ids: first };
          const { index, start, end, ids } = chunk;
          const place = { index, start, end, tokens: ids.length };
          known.set(rollout, written(rollout, [before], output, { promptIds, seconds, chunk: place }, options));
        },
      });
      // From the first memory, one prompt serves all rollouts.
      return step === 0 ? [ask(rollouts)] : rollouts.map((rollout) => ask([rollout]));
    });
    await sampleAll(model, asked, options);
  }
  for (const { reading, known } of stretches) {
    for (const rollout of reading.rollouts) rollout.memories.push(known.get(rollout)!);
  }
}

async function nextChunks(reading: Reading, wanted: number, chunkTokens: number): Promise<AgentChunk[]> {
  const chunks: AgentChunk[] = [];
  while (chunks.length < wanted && !reading.ended) {
    const next = await reading.iterator.next();
    if (next.done) {
      reading.ended = true;
      continue;
    }
    const { index, ids } = next.value;
    if (ids.length > chunkTokens) {
      throw new MemoryError(
        'chunk-too-long',
        `Chunk ${index} of ${JSON.stringify(reading.task.id)} has ${ids.length} tokens; chunkTokens allows ${chunkTokens}. Cut the text with the same chunkTokens.`,
      );
    }
    chunks.push(next.value);
  }
  return chunks;
}

/** One round: neighbouring memories, `width` at a time, become one. */
async function mergeOnce(
  model: MemoryModel,
  readings: readonly Reading[],
  round: number,
  options: AgentOptions & { parallel: ParallelReading },
): Promise<void> {
  const { frames, budgets, parallel } = options;
  const asked: Asked[] = [];
  for (const reading of readings) {
    const { questionIds, seed, task, first } = reading;
    for (const rollout of reading.rollouts) {
      const merged: Known[] = [];
      const { memories } = rollout;
      for (let at = 0; at < memories.length; at += parallel.width) {
        const telling = memories.slice(at, at + parallel.width).filter(({ ids }) => !sameMemory(ids, first));
        const place = merged.push(telling[0] ?? memories[at]) - 1;
        if (telling.length < 2) continue;
        const [early, ...later] = telling;
        asked.push({
          reading,
          rollouts: [rollout],
          request: {
            promptIds: frames.merge(
              questionIds,
              early.ids,
              later.map(({ ids }) => ids),
            ),
            maxTokens: budgets.memoryTokens,
            seed: streamSeed(seed, task.id, 'merge', round, place, rollout.sample),
          },
          take: (_, output, promptIds, seconds) => {
            merged[place] = written(rollout, telling, output, { promptIds, seconds }, options);
          },
        });
      }
      rollout.memories = merged;
    }
  }
  for (let from = 0; from < asked.length; from += ROWS) await sampleAll(model, asked.slice(from, from + ROWS), options);
}

async function answer(model: MemoryModel, readings: readonly Reading[], options: AgentOptions): Promise<void> {
  const { frames, budgets } = options;
  const asked = readings.flatMap(({ questionIds, rollouts, seed, task, first }, number) =>
    rollouts.map((rollout): Asked => {
      const memory = rollout.memories.at(0) ?? { ids: first };
      return {
        reading: readings[number],
        rollouts: [rollout],
        request: {
          promptIds: frames.answer(questionIds, memory.ids),
          maxTokens: budgets.answerTokens,
          seed: streamSeed(seed, task.id, 'answer', rollout.sample),
        },
        take: (_, output, promptIds, seconds) => {
          const turn = turnOf('answer', promptIds, output, memory.ids, seconds);
          rollout.sources.set(turn, memory.turn ? [memory.turn] : []);
          rollout.turns.push(turn);
          rollout.output = output.text;
        },
      };
    }),
  );
  for (let from = 0; from < asked.length; from += ROWS) await sampleAll(model, asked.slice(from, from + ROWS), options);
}

async function sampleAll(model: MemoryModel, asked: readonly Asked[], options: AgentOptions): Promise<void> {
  if (asked.length === 0) return;
  const { budgets, temperature = 1, topP, topK, signal, onProgress, onTurn } = options;
  const maxTokens = Math.max(budgets.memoryTokens, budgets.answerTokens);
  const started = performance.now();
  const requests = asked.map(({ request }) => request);
  const results = await sampleTurn(model, requests, { maxTokens, temperature, topP, topK, signal, onProgress });
  const seconds = (performance.now() - started) / 1000;
  // The turns of a rollout share the time of their call.
  const timed = new Set<Rollout>();
  asked.forEach(({ reading, rollouts, request, take }, at) => {
    rollouts.forEach((rollout, sample) => {
      take(rollout, results[at][sample], request.promptIds as number[], timed.has(rollout) ? 0 : seconds);
      timed.add(rollout);
      const turn = rollout.turns.length - 1;
      onTurn?.(rollout.turns[turn], { task: reading.number, sample: rollout.sample, turn });
    });
  });
}

/** The memory after an update of the first of these memories, which becomes a turn of the rollout. */
function written(
  rollout: Rollout,
  before: readonly Known[],
  output: Output,
  { promptIds, seconds, chunk }: Pick<Turn, 'promptIds' | 'seconds' | 'chunk'>,
  { frames, empty = 'keep' }: AgentOptions,
): Known {
  const memory = asMemory(output, frames);
  const ids = memoryAfter(before[0].ids, memory, empty);
  const turn: Turn = { ...turnOf('memory', promptIds, memory, ids, seconds), ...(chunk && { chunk }) };
  rollout.turns.push(turn);
  rollout.sources.set(
    turn,
    before.flatMap((each) => each.turn ?? []),
  );
  return { ids, turn };
}

function trajectoryOf(
  { task, questionIds, first }: Reading,
  { sample, turns, sources, output }: Rollout,
  { keep = 'all' }: AgentOptions,
): Trajectory {
  const ofChunks = turns.filter(({ chunk }) => chunk).sort((one, other) => one.chunk!.index - other.chunk!.index);
  const ordered = [...ofChunks, ...turns.filter(({ chunk }) => !chunk)];
  const numbers = new Map(ordered.map((turn, at) => [turn, at]));
  return {
    questionId: task.id,
    sample,
    questionIds,
    initialMemoryIds: first,
    turns: ordered.map((turn): Turn => {
      const reads = (sources.get(turn) ?? []).map((each) => numbers.get(each)!);
      if (keep === 'all') return { ...turn, reads };
      const light = { ...turn, reads, promptIds: [], logProbabilities: [] };
      return keep === 'counts' && turn.kind === 'memory' ? { ...light, outputIds: [], memoryIds: [] } : light;
    }),
    output,
  };
}
