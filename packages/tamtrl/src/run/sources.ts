/** Opens the training and held-out questions that a configuration names. */

import { streamSeed } from '../base/seeds.js';
import { Books, EMBEDDED_BOOKS } from '../data/babi/books.js';
import { babilongSource } from '../data/babi/task.js';
import {
  type ExampleSource,
  miniSource,
  type RelevanceSource,
  recordSource,
  relevanceSources,
} from '../data/examples.js';
import { type BlankAnswers, isAnnotated, type QuestionRecord, type RecordProblem } from '../data/records.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { CommonConfig } from '../train/config.js';
import { TrainError } from '../train/errors.js';
import { isByModel, type RecordSetOptions, recordSets } from './record-sets.js';
import { type Split, splitOf } from './split.js';

export interface Sources {
  train: ExampleSource;
  heldOut: ExampleSource;
  /** Lines of the files that were left out. */
  problems: RecordProblem[];
  /** Records of the files that lost blank gold answers. */
  blanks: BlankAnswers[];
  /** What to know of the records before the run starts. */
  warnings: string[];
  /** Which records are in which set; absent for generated questions, which their seeds distinguish. */
  split?: Split;
}

export interface SourceOptions extends RecordSetOptions {
  /** The method reads filtered chunks: records without marks are refused. */
  needsRelevance: boolean;
  /** Marks made by a model, for `relevance: judge` and `policy`. */
  judged?: RelevanceSource;
}

/** The seed of the held-out questions of generated tasks. */
const HELD_OUT_SEED_OFFSET = 1_000_003;

/**
 * @throws DataError `file` for a file that cannot be read; TrainError `no-data` if too few records are left, records
 *   cannot be read within the limits, are in both sets, or lack the annotation that the method needs.
 */
export async function openSources(
  config: CommonConfig,
  tokenizer: Tokenizer,
  options: SourceOptions,
): Promise<Sources> {
  const { data, memory } = config;
  if (data.kind === 'mini') {
    const { questions, seed, trainingSeed, kind: _, ...task } = data;
    const own = trainingSeed === 'run' ? streamSeed(config.seed, 'questions', seed) : trainingSeed;
    const marks = marksOfTask(config, options);
    return {
      train: miniSource(task, own, tokenizer, questions, marks.train),
      heldOut: miniSource(task, seed + HELD_OUT_SEED_OFFSET, tokenizer, 0, marks.heldOut),
      problems: [],
      blanks: [],
      warnings: [],
    };
  }
  if (data.kind === 'babilong') {
    const { seed, trainingSeed, tasks, chunks, leastChunkTokens, decoys, nearFacts, fragments, relevant } = data;
    const own = trainingSeed === 'run' ? streamSeed(config.seed, 'questions', seed) : trainingSeed;
    const books = await Books.open(data.books ?? [EMBEDDED_BOOKS]);
    const task = { tasks, chunks, chunkTokens: memory.chunkTokens, relevant, books };
    const marks = marksOfTask(config, options);
    return {
      train: babilongSource(
        { ...task, leastChunkTokens, decoys, nearFacts, fragments, marks: marks.train },
        own,
        tokenizer,
      ),
      heldOut: babilongSource({ ...task, marks: marks.heldOut }, seed + HELD_OUT_SEED_OFFSET, tokenizer),
      problems: [],
      blanks: [],
      warnings: [],
    };
  }
  const { train, heldOut, problems, blanks, warnings } = await recordSets({ ...config, data }, tokenizer, options);
  const relevance = relevanceOf(config, [...train, ...heldOut], options);
  const { chunkTokens, maxChunks, align } = memory;
  return {
    train: recordSource(train, tokenizer, { chunkTokens, maxChunks, align }, relevance),
    heldOut: recordSource(heldOut, tokenizer, { chunkTokens, align }, relevance),
    problems,
    blanks,
    warnings,
    split: options.split ?? splitOf({ train, heldOut }),
  };
}

/**
 * Other marks than those that a generated task knows; absent: those. Held-out questions have marks by a model only if a
 * teacher reads them.
 */
function marksOfTask(
  config: CommonConfig,
  options: SourceOptions,
): { train?: RelevanceSource; heldOut?: RelevanceSource } {
  const { relevance, evaluation } = config;
  if (relevance === 'annotated') return {};
  const train = relevanceOf(config, [], options);
  return { train, heldOut: isByModel(relevance) && !evaluation.teacher ? undefined : train };
}

function relevanceOf(
  { relevance }: CommonConfig,
  records: readonly QuestionRecord[],
  { needsRelevance, judged }: SourceOptions,
): RelevanceSource | undefined {
  if (isByModel(relevance)) {
    if (judged || !needsRelevance) return judged;
    throw new TrainError(
      'no-data',
      `relevance is "${relevance}", but no model is given to mark what is relevant. Name a judge with --judge, or use "annotated" or "lexical".`,
    );
  }
  if (relevance === 'lexical') return relevanceSources.lexical;
  const bare = records.filter((record) => !isAnnotated(record));
  if (bare.length === 0) return relevanceSources.annotated;
  if (!needsRelevance) return undefined;
  throw new TrainError(
    'no-data',
    `${bare.length} of ${records.length} records have no relevance annotation (the first is ${JSON.stringify(bare[0].id)}), which the method needs. Set relevance to "lexical", or annotate them.`,
  );
}
