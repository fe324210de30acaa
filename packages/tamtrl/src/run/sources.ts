/** Opens the training and held-out questions that a configuration names. */

import { streamSeed } from '../base/seeds.js';
import {
  type ExampleSource,
  miniSource,
  type RelevanceSource,
  recordSource,
  relevanceSources,
} from '../data/examples.js';
import { type BlankAnswers, loadRecords, type QuestionRecord, type RecordProblem } from '../data/records.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { CommonConfig } from '../train/config.js';
import { TrainError } from '../train/errors.js';

export interface Sources {
  train: ExampleSource;
  heldOut: ExampleSource;
  /** Lines of the files that were left out. */
  problems: RecordProblem[];
  /** Records of the files that lost blank gold answers. */
  blanks: BlankAnswers[];
}

export interface SourceOptions {
  /** The method reads filtered chunks: records without marks are refused. */
  needsRelevance: boolean;
  /** For `relevance: judge`. */
  judged?: RelevanceSource;
}

/** Held-out questions of generated tasks come from a seed of their own. */
const HELD_OUT_SEED_OFFSET = 1_000_003;

/**
 * @throws DataError `file` for a file that cannot be read; TrainError `no-data` if too few records are left, or records
 *   lack the annotation that the method needs.
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
    return {
      train: miniSource(task, own, tokenizer, questions),
      heldOut: miniSource(task, seed + HELD_OUT_SEED_OFFSET, tokenizer),
      problems: [],
      blanks: [],
    };
  }
  const loaded = await loadRecords(data.train);
  const problems = [...loaded.problems];
  const blanks = [...loaded.blanks];
  let { records } = loaded;
  let heldOut: QuestionRecord[];
  if (data.heldOut !== undefined) {
    const other = await loadRecords(data.heldOut);
    problems.push(...other.problems);
    blanks.push(...other.blanks);
    heldOut = other.records;
  } else {
    const { questions } = config.evaluation;
    if (records.length <= questions) {
      throw new TrainError(
        'no-data',
        `${data.train} has ${records.length} usable records (${problems.length} lines left out), of which evaluation.questions holds out ${questions}: none is left to train on. Lower evaluation.questions or name a heldOut file.`,
      );
    }
    heldOut = records.slice(-questions);
    records = records.slice(0, -questions);
  }
  const relevance = relevanceOf(config, [...records, ...heldOut], options);
  const { chunkTokens, maxChunks, align } = memory;
  return {
    train: recordSource(records, tokenizer, { chunkTokens, maxChunks, align }, relevance),
    heldOut: recordSource(heldOut, tokenizer, { chunkTokens, align }, relevance),
    problems,
    blanks,
  };
}

function relevanceOf(
  { relevance }: CommonConfig,
  records: readonly QuestionRecord[],
  { needsRelevance, judged }: SourceOptions,
): RelevanceSource | undefined {
  if (relevance === 'judge') {
    if (judged || !needsRelevance) return judged;
    throw new TrainError(
      'no-data',
      'relevance is "judge", but no judge is given. Name a model with --judge, or use "annotated" or "lexical".',
    );
  }
  if (relevance === 'lexical') return relevanceSources.lexical;
  const bare = records.filter(({ evidence, documents }) => {
    return !evidence && documents.every(({ relevant }) => relevant === undefined);
  });
  if (bare.length === 0) return relevanceSources.annotated;
  if (!needsRelevance) return undefined;
  throw new TrainError(
    'no-data',
    `${bare.length} of ${records.length} records have no relevance annotation (the first is ${JSON.stringify(bare[0].id)}), which the method needs. Set relevance to "lexical", or annotate them.`,
  );
}
