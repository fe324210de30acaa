/** How a model reads a text to an answer: with a memory, or shown what fits into its window. */
import { streamSeed } from '../base/seeds.js';
import type { QuestionRecord } from '../data/records.js';
import { type AgentOptions, type AgentTask, runAgent } from '../memory/agent.js';
import type { Budgets, PromptFrames } from '../memory/frames.js';
import type { ParallelReading } from '../memory/settings.js';
import type { Trajectory } from '../memory/trajectory.js';
import { type EmptyRule, type MemoryModel, questionIdsOf, sampleTurn, turnOf } from '../memory/turn.js';
import { type AgentChunk, type ChunkOptions, chunksOf } from '../text/chunks.js';
import type { DocumentRenderer } from '../text/documents.js';
import { CONTEXT_KINDS, type Context, contextOf } from './contexts.js';
import { EvaluationError } from './errors.js';

export const READERS = ['agent', ...CONTEXT_KINDS] as const;
export type ReaderName = (typeof READERS)[number];

/** How an item was read. A model without memory has a trajectory of one turn, its answer. */
export interface Reading {
  trajectory: Trajectory;
  /** Tokens of the whole text, in the model's own tokenizer. */
  length: number;
}

/** Reads a batch of items side by side: [items][samples]. */
export type Reader<Item> = (items: readonly Item[]) => Promise<Reading[][]>;

export interface RecordReaderOptions {
  frames: PromptFrames;
  budgets: Budgets;
  renderer: DocumentRenderer;
  empty?: EmptyRule;
  /** The agent reads side by side; absent: one chunk after another. */
  parallel?: ParallelReading;
  /** Where chunks end; default `token`. */
  align?: ChunkOptions['align'];
  /** Tokens of the text that a model without memory is shown; default: what its window holds. */
  contextTokens?: number;
  temperature: number;
  topP: number;
  /** A record's result does not depend on the other records: its random stream comes from this seed and its id. */
  seed: number;
  signal?: AbortSignal;
}

/** The agent over chunks that have been cut already. */
export function agentReader(model: MemoryModel, options: AgentOptions): Reader<AgentTask> {
  return async (tasks) => {
    const groups = await runAgent(model, tasks, options);
    return groups.map((group) => group.map((trajectory) => ({ trajectory, length: chunkTokensOf(trajectory) })));
  };
}

function chunkTokensOf({ turns }: Trajectory): number {
  return turns.reduce((sum, { chunk }) => sum + (chunk?.tokens ?? 0), 0);
}

/**
 * A reader of records, one sample each.
 * @throws MemoryError, TextError for a record that does not fit; EvaluationError `invalid-argument` for `contextTokens`
 *   beyond
 * the window; whatever the model throws.
 */
export function recordReader(
  name: ReaderName,
  model: MemoryModel,
  options: RecordReaderOptions,
): Reader<QuestionRecord> {
  if (name === 'agent') return (records) => readWithMemory(model, records, options);
  // A format without a prompt that shows the text gives it as the only chunk.
  const isDirect = options.frames.direct([], []) !== undefined;
  return async (records) => {
    const tokens = contextBudget(model, options);
    const contexts = records.map((record) => contextOf(name, record, model.tokenizer, tokens, options.renderer));
    return isDirect ? readAtOnce(model, records, contexts, options) : readAsOneChunk(model, records, contexts, options);
  };
}

/** @throws EvaluationError `invalid-argument` if the window holds less than what is asked for. */
function contextBudget(model: MemoryModel, { frames, budgets, contextTokens }: RecordReaderOptions): number {
  const fixed = frames.direct([], []);
  if (fixed === undefined) return Math.min(contextTokens ?? budgets.chunkTokens, budgets.chunkTokens);
  const room = model.contextLength - fixed.length - budgets.questionTokens - budgets.answerTokens;
  if (room >= Math.max(1, contextTokens ?? 1)) return contextTokens ?? room;
  throw new EvaluationError(
    'invalid-argument',
    `The window of ${model.contextLength} tokens has room for ${room} tokens of text (fixed text ${fixed.length}, question ${budgets.questionTokens}, answer ${budgets.answerTokens}), but ${contextTokens ?? 1} were requested. Lower the budgets.`,
  );
}

function readWithMemory(
  model: MemoryModel,
  records: readonly QuestionRecord[],
  options: RecordReaderOptions,
): Promise<Reading[][]> {
  const { budgets, renderer, align } = options;
  const cutting = { chunkTokens: budgets.chunkTokens, align, renderer };
  return readChunks(model, records, options, ({ documents }) => chunksOf(documents, model.tokenizer, cutting));
}

async function readAsOneChunk(
  model: MemoryModel,
  records: readonly QuestionRecord[],
  contexts: readonly Context[],
  options: RecordReaderOptions,
): Promise<Reading[][]> {
  const groups = await readChunks(model, records, options, (_, at) => {
    return [{ index: 0, ids: contexts[at].ids, start: 0, end: 0 }];
  });
  return groups.map((group, at) => group.map(({ trajectory }) => ({ trajectory, length: contexts[at].length })));
}

function readChunks(
  model: MemoryModel,
  records: readonly QuestionRecord[],
  { frames, budgets, empty, parallel, temperature, topP, seed, signal }: RecordReaderOptions,
  chunks: (record: QuestionRecord, at: number) => Iterable<AgentChunk>,
): Promise<Reading[][]> {
  const read = agentReader(model, {
    frames,
    budgets,
    empty,
    parallel,
    temperature,
    topP,
    seed,
    signal,
    keep: 'counts',
  });
  return read(
    records.map((record, at): AgentTask => {
      const { id, question } = record;
      return { id, question, chunks: chunks(record, at), seed: streamSeed(seed, id) };
    }),
  );
}

/** One prompt with the text and the question. */
async function readAtOnce(
  model: MemoryModel,
  records: readonly QuestionRecord[],
  contexts: readonly Context[],
  options: RecordReaderOptions,
): Promise<Reading[][]> {
  const { frames, budgets, temperature, topP, seed, signal } = options;
  const questions = records.map(({ id, question }) => questionIdsOf(frames, budgets, question, id));
  const requests = contexts.map(({ ids }, at) => {
    const promptIds = frames.direct(questions[at], ids) ?? [];
    return { promptIds, seed: streamSeed(seed, records[at].id) };
  });
  const started = performance.now();
  const maxTokens = budgets.answerTokens;
  const groups = await sampleTurn(model, requests, { maxTokens, temperature, topP, seed, signal });
  const seconds = (performance.now() - started) / 1000;
  return groups.map(([output], at) => {
    const turn = turnOf('answer', requests[at].promptIds, output, [], seconds);
    const trajectory: Trajectory = {
      questionId: records[at].id,
      sample: 0,
      questionIds: questions[at],
      initialMemoryIds: [],
      turns: [{ ...turn, promptIds: [], logProbabilities: [] }],
      output: output.text,
    };
    return [{ trajectory, length: contexts[at].length }];
  });
}
