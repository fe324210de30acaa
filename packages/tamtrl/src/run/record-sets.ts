/** The training and held-out records of a run: loads, checks and splits them. */
import { resolve } from 'node:path';
import { counted } from '../base/format.js';
import { type RelevanceSource, relevanceSources } from '../data/examples.js';
import {
  type BlankAnswers,
  isAnnotated,
  loadRecords,
  type QuestionRecord,
  type RecordProblem,
} from '../data/records.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { CommonConfig } from '../train/config.js';
import { TrainError } from '../train/errors.js';
import {
  drawnSplit,
  formerSplit,
  overlapText,
  recordsOf,
  requireApart,
  type Split,
  type SplitRecords,
  withoutHeldOut,
} from './split.js';
import { evidenceKept, lostEvidenceText, readable, refuseUnreadable, unreadableText } from './usable-records.js';

type RecordData = Extract<CommonConfig['data'], { kind: 'records' }>;

export interface RecordSets extends SplitRecords {
  /** Lines of the files that were left out. */
  problems: RecordProblem[];
  /** Records of the files that lost blank gold answers. */
  blanks: BlankAnswers[];
  /** What to know of the records before the run starts. */
  warnings: string[];
}

/** The split of a resumed run; absent for a new run. */
export interface EarlierSplit {
  split?: Split;
  /** Of a run without a stored split: the number of last records that it holds out. */
  formerQuestions?: number;
}

export interface RecordSetOptions extends EarlierSplit {
  signal?: AbortSignal;
}

/**
 * @throws DataError `file` for a file that cannot be read; TrainError `no-data` for records that cannot be used, that
 *   are in both sets, or that a resumed run no longer finds.
 */
export async function recordSets(
  config: CommonConfig & { data: RecordData },
  tokenizer: Tokenizer,
  { split, formerQuestions, signal }: RecordSetOptions = {},
): Promise<RecordSets> {
  const loaded = await loadSets(config.data);
  const { problems, blanks } = loaded;
  const found = { problems, blanks };
  if (split) return { ...recordsOf(split, loaded, loaded.files), ...found, warnings: [] };
  if (formerQuestions !== undefined) return { ...oldSets(config, loaded, tokenizer, formerQuestions), ...found };
  return { ...(await newSets(config, loaded, tokenizer, signal)), ...found };
}

interface LoadedSets extends SplitRecords {
  files: { train: string; heldOut: string };
  /** Both sets come from one file. */
  isOne: boolean;
  problems: RecordProblem[];
  blanks: BlankAnswers[];
}

async function loadSets({ train, heldOut }: RecordData): Promise<LoadedSets> {
  const files = { train, heldOut: heldOut ?? train };
  const first = await loadRecords(train);
  if (heldOut === undefined) {
    const { records, problems, blanks } = first;
    return { train: records, heldOut: records, files, isOne: true, problems, blanks };
  }
  if (resolve(heldOut) === resolve(train)) {
    throw new TrainError(
      'no-data',
      `data.train and data.heldOut are the same file, ${train}: a model must not be judged by what it was trained on. Name another file, or leave data.heldOut out, and evaluation.questions records of ${train} are held out.`,
    );
  }
  const second = await loadRecords(heldOut);
  const problems = [...first.problems, ...second.problems];
  const blanks = [...first.blanks, ...second.blanks];
  return { train: first.records, heldOut: second.records, files, isOne: false, problems, blanks };
}

type Checked = Omit<RecordSets, 'problems' | 'blanks'>;

async function newSets(
  config: CommonConfig & { data: RecordData },
  loaded: LoadedSets,
  tokenizer: Tokenizer,
  signal: AbortSignal | undefined,
): Promise<Checked> {
  const { data, evaluation } = config;
  const { sets, warnings } = withoutUnreadable(config, loaded, tokenizer);
  if (loaded.isOne) {
    const records = sets.train;
    const { questions } = evaluation;
    if (records.length <= questions) throw tooFew(loaded, records.length, questions);
    const { repeated, ...apart } = withoutHeldOut(drawnSplit(records, questions, data.seed));
    if (repeated > 0) {
      warnings.push(
        `${counted(repeated, 'record')} of ${data.train} ${repeated === 1 ? 'repeats' : 'repeat'} a held-out question with the same documents: not trained on.`,
      );
    }
    Object.assign(sets, apart);
  } else requireApart(sets, loaded.files);
  const train = await withoutLostEvidence(config, sets.train, tokenizer, { warnings, signal });
  if (train.length > 0) return { train, heldOut: sets.heldOut, warnings };
  throw new TrainError('no-data', `${data.train}: no record is left to train on. ${warnings.join(' ')}`);
}

function tooFew({ files, problems }: LoadedSets, usable: number, questions: number): TrainError {
  return new TrainError(
    'no-data',
    `${files.train} has ${usable} usable records (${problems.length} lines left out), of which evaluation.questions holds out ${questions}: none is left to train on. Lower evaluation.questions or name a heldOut file.`,
  );
}

/** @throws TrainError `no-data` for records that cannot be read, unless they are to be left out. */
function withoutUnreadable(
  { data, memory }: CommonConfig & { data: RecordData },
  { train, heldOut, isOne }: LoadedSets,
  tokenizer: Tokenizer,
): { sets: SplitRecords; warnings: string[] } {
  const first = readable(train, tokenizer, memory);
  const second = isOne ? { records: first.records, problems: [] } : readable(heldOut, tokenizer, memory);
  const problems = [...first.problems, ...second.problems];
  const total = isOne ? train.length : train.length + heldOut.length;
  if (!data.leaveOut.unreadable) refuseUnreadable(problems, total);
  const warnings = problems.length === 0 ? [] : [`${unreadableText(problems, total)} They are left out.`];
  return { sets: { train: first.records, heldOut: second.records }, warnings };
}

async function withoutLostEvidence(
  { data, memory, relevance }: CommonConfig & { data: RecordData },
  records: readonly QuestionRecord[],
  tokenizer: Tokenizer,
  { warnings, signal }: { warnings: string[]; signal: AbortSignal | undefined },
): Promise<QuestionRecord[]> {
  const { chunkTokens, maxChunks, align } = memory;
  const { lostEvidence } = data.leaveOut;
  if (maxChunks === undefined) return [...records];
  if (isByModel(relevance) && lostEvidence !== 'none') {
    throw new TrainError(
      'no-data',
      `data.leaveOut.lostEvidence is "${lostEvidence}", but with relevance "${relevance}" what is relevant is unknown until the run starts. Use "annotated" or "lexical".`,
    );
  }
  const marks = marksBeforehand(relevance);
  const cutting = { chunkTokens, maxChunks, align };
  const { records: kept, lost } = await evidenceKept(records, tokenizer, cutting, marks, {
    leaveOut: lostEvidence,
    signal,
  });
  const text = lostEvidenceText(lost, maxChunks, lostEvidence);
  if (text !== undefined) warnings.push(text);
  return kept;
}

/** Whether a model marks what is relevant, which takes time. */
export function isByModel(relevance: CommonConfig['relevance']): boolean {
  return relevance === 'judge' || relevance === 'policy';
}

/** The relevant text of a record, if it is known without asking a model. */
function marksBeforehand(relevance: CommonConfig['relevance']): RelevanceSource {
  if (relevance === 'lexical') return relevanceSources.lexical;
  if (isByModel(relevance)) return () => undefined;
  return (record) => (isAnnotated(record) ? relevanceSources.annotated(record) : undefined);
}

/** A run of an earlier version keeps its training set; what was wrong with the set is reported. */
function oldSets({ memory }: CommonConfig, loaded: LoadedSets, tokenizer: Tokenizer, questions: number): Checked {
  const { files, isOne } = loaded;
  const sets = isOne ? formerSplit(loaded.train, questions) : { train: loaded.train, heldOut: loaded.heldOut };
  const warnings: string[] = [];
  const overlap = overlapText(sets, files);
  if (overlap !== undefined) warnings.push(`${overlap} Its held-out results are too good; start a new run.`);
  const all = [...sets.train, ...sets.heldOut];
  const { problems } = readable(all, tokenizer, memory);
  if (problems.length > 0) {
    warnings.push(
      `${unreadableText(problems, all.length)} The run fails when it draws one; a new run can leave them out (data.leaveOut.unreadable).`,
    );
  }
  return { ...sets, warnings };
}
