/** Questions in the form that training and evaluation use, whatever their source, and the order in which they come. */

import { SeededRandom } from '../base/random.js';
import { type AgentChunk, type Chunk, chunkDocuments } from '../text/chunks.js';
import { type DocumentRenderer, plainRenderer } from '../text/documents.js';
import { filterChunk, relevantRanges } from '../text/filter.js';
import type { TextRange } from '../text/sentences.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { type Fact, factsHeld, supportingFacts } from './facts.js';
import type { Reference } from './metrics.js';
import type { MiniTaskOptions } from './mini/task.js';
import { idealMemories, MINI_FACT_TOKENS, type MiniExample, miniExample, slotAccuracy, toRecord } from './mini/task.js';
import type { QuestionRecord } from './records.js';
import type { RelevanceMarks } from './relevance.js';
import { annotated, lexical } from './relevance.js';

/** A question with its text in chunks, and what its answer is held against. */
export interface Example extends Reference {
  id: string;
  question: string;
  answers: string[];
  chunks: readonly AgentChunk[];
  /** The filtered chunk C_t for each chunk, empty if nothing in it is relevant; absent without relevance marks. */
  filteredChunks?: string[];
  /** Where the text of the filtered chunk lies in each chunk, in UTF-16 code units of the chunk's text. */
  relevantRanges?: TextRange[][];
  /** Ideal memory before the first chunk and after each: [chunks + 1]. Present if the task knows it. */
  idealMemories?: string[];
  /**
   * What each chunk does to the ideal memory, the same words for chunks of a kind; undefined: it tells nothing of the
   * story. Present if the task knows it.
   */
  changeKinds?: (string | undefined)[];
  /**
   * Ideal memory of one who had the ideal memory before chunk `turn` and read only the filtered chunk; absent: the
   * filtered chunk tells all that the whole one does.
   */
  filteredMemories?: (turn: number) => string;
  /**
   * Ideal memory of one who has read only the chunks from `from` to before `to`, for agents that read side by side.
   * Present if the task knows it.
   */
  idealMemoryOf?: (from: number, to: number) => string;
  /**
   * Number of chunks after which everything that the answer needs has been read, and no later text can change it: where
   * an ideal reader stops. Absent: an ideal reader reads all.
   */
  enoughAfter?: number;
  /** What supports the answer, in reading order; absent without relevance marks. */
  facts?: Fact[];
  /**
   * Share in [0, 1] of what is needed after chunk `turn` that `memory` holds; undefined while nothing needed has been
   * read.
   */
  quality?: (turn: number, memory: string) => number | undefined;
}

/** Examples by number. They are made on request, so that the chunks of a whole set need not fit in memory. */
export interface ExampleSource {
  /** Infinity for a generated task whose questions never repeat. */
  readonly size: number;
  /** Whether examples have filtered chunks. */
  readonly relevance: boolean;
  get(index: number): Promise<Example>;
}

/** The example at a position in an endless sequence of epochs, each with its own order. */
export function exampleAt(source: ExampleSource, seed: number, position: number): Promise<Example> {
  if (source.size === Number.POSITIVE_INFINITY) return source.get(position);
  const epoch = Math.floor(position / source.size);
  return source.get(epochOrder(source.size, seed, epoch)[position % source.size]);
}

let cachedOrder: { key: string; order: number[] } | undefined;

/** A permutation of 0 … size - 1. The last one is cached, because positions are requested in order. */
function epochOrder(size: number, seed: number, epoch: number): number[] {
  const key = `${size} ${seed} ${epoch}`;
  if (cachedOrder?.key !== key) {
    const order = new SeededRandom('epoch', seed, epoch).shuffled(Array.from({ length: size }, (_, index) => index));
    cachedOrder = { key, order };
  }
  return cachedOrder.order;
}

export interface ChunkingOptions {
  chunkTokens: number;
  maxChunks?: number;
  align?: 'token' | 'sentence';
  renderer?: DocumentRenderer;
}

/** Marks the relevant parts of a record; undefined if they are not known. */
export type RelevanceSource = (
  record: QuestionRecord,
) => RelevanceMarks | undefined | Promise<RelevanceMarks | undefined>;

/** `annotated` refuses a record without annotation when the record is requested. */
export const relevanceSources = { annotated, lexical: (record: QuestionRecord) => lexical(record) } as const;

/** Examples from question records. */
export function recordSource(
  records: readonly QuestionRecord[],
  tokenizer: Tokenizer,
  options: ChunkingOptions,
  relevance?: RelevanceSource,
): ExampleSource {
  const marksOf = remembered(relevance);
  return {
    size: records.length,
    relevance: relevance !== undefined,
    get: async (index) => recordExample(records[index], tokenizer, options, await marksOf(index, records[index])),
  };
}

/** A record is requested in every epoch, and a judge is slow. */
function remembered(relevance: RelevanceSource | undefined) {
  const marks = new Map<number, RelevanceMarks | undefined>();
  return async (index: number, record: QuestionRecord) => {
    if (!marks.has(index)) marks.set(index, await relevance?.(record));
    return marks.get(index);
  };
}

export function recordExample(
  record: QuestionRecord,
  tokenizer: Tokenizer,
  options: ChunkingOptions,
  marks?: RelevanceMarks,
): Example {
  const { chunks } = chunkDocuments(record.documents, tokenizer, options);
  const { id, question, answers, answersWanted, source, task, labels } = record;
  const example: Example = { id, question, answers, answersWanted, source, task, labels, chunks };
  if (!marks) return example;
  const filteredChunks = chunks.map((chunk: Chunk) => filterChunk(chunk, marks));
  const facts = supportingFacts(record, marks, chunks);
  const ranges = chunks.map((chunk) => relevantRanges(chunk, marks));
  return { ...example, filteredChunks, relevantRanges: ranges, facts, quality: factsHeld(record, facts) };
}

/**
 * The generated mini task. With `count` 0 its questions never repeat.
 * @param relevance absent: what the task knows to be relevant
 */
export function miniSource(
  task: MiniTaskOptions,
  seed: number,
  tokenizer: Tokenizer,
  count = 0,
  relevance: RelevanceSource = relevanceSources.annotated,
): ExampleSource {
  const marksOf = count === 0 ? async (_: number, record: QuestionRecord) => relevance(record) : remembered(relevance);
  return {
    size: count === 0 ? Number.POSITIVE_INFINITY : count,
    relevance: true,
    get: async (index) => {
      const mini = miniExample(task, seed, index);
      return exampleOfMini(mini, tokenizer, await marksOf(index, toRecord(mini)));
    },
  };
}

export function exampleOfMini(mini: MiniExample, tokenizer: Tokenizer, marks?: RelevanceMarks): Example {
  const record = toRecord(mini);
  const chunkTokens = mini.chunks[0].length * MINI_FACT_TOKENS;
  const isRelevant = (facts: MiniExample['chunks'][number]) => facts.some(({ relevant }) => relevant);
  const first = mini.chunks.findIndex(isRelevant);
  return {
    ...recordExample(record, tokenizer, { chunkTokens, renderer: plainRenderer }, marks ?? annotated(record)),
    idealMemories: idealMemories(mini),
    idealMemoryOf: (from, to) => idealMemories({ ...mini, chunks: mini.chunks.slice(from, to) }).at(-1) ?? '',
    enoughAfter: mini.chunks.findLastIndex(isRelevant) + 1,
    quality: (turn, memory) => (turn < first ? undefined : slotAccuracy(mini, turn + 1, memory)),
  };
}
