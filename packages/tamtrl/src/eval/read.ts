/** Reads records to their answers: with memory, or with what fits into the window. */

import { streamSeed } from '../base/seeds.js';
import type { QuestionRecord } from '../data/records.js';
import { runAgent } from '../memory/agent.js';
import { withoutThoughts } from '../memory/extract.js';
import type { Budgets, PromptFrames } from '../memory/frames.js';
import { trajectoryStatistics } from '../memory/statistics.js';
import type { MemoryModel } from '../memory/turn.js';
import { chunksOf } from '../text/chunks.js';
import type { DocumentRenderer } from '../text/documents.js';
import { CONTEXT_KINDS, type ContextKind, contextOf } from './contexts.js';
import { EvaluationError } from './errors.js';

export const READERS = ['agent', ...CONTEXT_KINDS] as const;
export type ReaderName = (typeof READERS)[number];

export interface ReadOptions {
  frames: PromptFrames;
  budgets: Budgets;
  renderer: DocumentRenderer;
  empty?: 'keep' | 'overwrite';
  /** Tokens of the text that a model without memory is shown; default: what its window holds. */
  contextTokens?: number;
  temperature: number;
  topP: number;
  seed: number;
  signal?: AbortSignal;
}

/** What came out of reading one record. Token counts are those of the model's own tokenizer. */
export interface ReadResult {
  output: string;
  /** Tokens of the whole text. */
  length: number;
  turns: number;
  promptTokens: number;
  sampledTokens: number;
  /** Mean over the memory turns, and of the last one; 0 without memory. */
  memoryTokens: number;
  lastMemoryTokens: number;
  /** Share of memory turns cut off by their limit. */
  overflowRate: number;
}

/**
 * The records' answers, all read side by side.
 * @throws MemoryError, TextError for a record that does not fit; whatever the model throws.
 */
export async function readRecords(
  reader: ReaderName,
  model: MemoryModel,
  records: readonly QuestionRecord[],
  options: ReadOptions,
): Promise<ReadResult[]> {
  if (reader === 'agent') return readWithMemory(model, records, (record) => chunks(record, model, options), options);
  const { frames, budgets } = options;
  const tokens = contextBudget(model, options);
  const contexts = records.map((record) => contextOf(reader, record, model.tokenizer, tokens, options.renderer));
  const questions = records.map(({ question }) => model.tokenizer.encode(question));
  const prompts = contexts.map(({ ids }, at) => frames.direct(questions[at], ids));
  // A format without a prompt for this takes the text as its only chunk.
  if (prompts.some((prompt) => prompt === undefined)) return readAsOneChunk(reader, model, records, options);
  const samples = await model.sample(
    prompts.map((promptIds, at) => ({ promptIds: promptIds!, seed: streamSeed(options.seed, records[at].id) })),
    {
      ...{ maxTokens: budgets.answerTokens, stopIds: model.chat.stopIds, signal: options.signal },
      ...{ temperature: options.temperature, topP: options.topP, seed: options.seed },
    },
  );
  return contexts.map(({ length }, at): ReadResult => {
    const [{ tokens: sampled }] = samples[at];
    return {
      output: withoutThoughts(model.tokenizer.decode(sampled, { skipSpecialTokens: true })),
      ...{ length, turns: 1, promptTokens: prompts[at]!.length, sampledTokens: sampled.length },
      ...{ memoryTokens: 0, lastMemoryTokens: 0, overflowRate: 0 },
    };
  });
}

function readAsOneChunk(
  reader: ContextKind,
  model: MemoryModel,
  records: readonly QuestionRecord[],
  options: ReadOptions,
) {
  const tokens = Math.min(options.contextTokens ?? options.budgets.chunkTokens, options.budgets.chunkTokens);
  const lengths = new Map<string, number>();
  const one = (record: QuestionRecord) => {
    const { ids, length } = contextOf(reader, record, model.tokenizer, tokens, options.renderer);
    lengths.set(record.id, length);
    return [{ index: 0, ids, start: 0, end: 0 }];
  };
  return readWithMemory(model, records, one, options).then((results) =>
    results.map((result, at) => ({ ...result, length: lengths.get(records[at].id) ?? result.length })),
  );
}

/** @throws EvaluationError `invalid-argument` if the window holds less than what is asked for. */
function contextBudget(model: MemoryModel, { frames, budgets, contextTokens }: ReadOptions): number {
  const fixed = frames.direct([], []);
  if (fixed === undefined) return contextTokens ?? budgets.chunkTokens;
  const room = model.contextLength - fixed.length - budgets.questionTokens - budgets.answerTokens;
  if (room >= Math.max(1, contextTokens ?? 1)) return contextTokens ?? room;
  throw new EvaluationError(
    'invalid-argument',
    `The window of ${model.contextLength} tokens has room for ${room} tokens of text (fixed text ${fixed.length}, question ${budgets.questionTokens}, answer ${budgets.answerTokens}); ${contextTokens ?? 1} are asked for. Lower the budgets.`,
  );
}

function* chunks(record: QuestionRecord, model: MemoryModel, { budgets, renderer }: ReadOptions) {
  yield* chunksOf(record.documents, model.tokenizer, { chunkTokens: budgets.chunkTokens, renderer });
}

async function readWithMemory(
  model: MemoryModel,
  records: readonly QuestionRecord[],
  chunksOfRecord: (
    record: QuestionRecord,
  ) => Iterable<{ index: number; ids: readonly number[]; start: number; end: number }>,
  options: ReadOptions,
): Promise<ReadResult[]> {
  const { frames, budgets, empty, temperature, topP, seed, signal } = options;
  const groups = await runAgent(
    model,
    records.map((record) => ({
      ...{ id: record.id, question: record.question, chunks: chunksOfRecord(record) },
      // On its own id, so that a record reads the same whoever it is read beside.
      seed: streamSeed(seed, record.id),
    })),
    { frames, budgets, empty, temperature, topP, seed, signal, keep: 'counts' },
  );
  return groups.map(([trajectory]): ReadResult => {
    const { tokens, memory_tokens, overflow_rate } = trajectoryStatistics([trajectory]);
    const { turns } = trajectory;
    return {
      output: trajectory.output,
      length: turns.reduce((sum, turn) => sum + (turn.chunk?.tokens ?? 0), 0),
      turns: turns.length,
      ...{ promptTokens: tokens.prompt, sampledTokens: tokens.sampled },
      memoryTokens: memory_tokens,
      lastMemoryTokens: turns.at(-1)?.memoryTokens ?? 0,
      overflowRate: overflow_rate,
    };
  });
}
