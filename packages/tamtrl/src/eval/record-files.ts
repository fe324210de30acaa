/** The records of an evaluation, from files. */
import { type BlankAnswers, type QuestionRecord, type RecordProblem, readRecords } from '../data/records.js';
import type { Metric } from '../reward/outcome.js';
import { EvaluationError } from './errors.js';
import { requireScorable } from './results.js';

export interface RecordFiles {
  files: readonly string[];
  /** Number of records at most; default: all. */
  limit?: number;
  /** Throw at the first bad line. */
  strict?: boolean;
}

export interface FileReports {
  onProblem?: (file: string, problem: RecordProblem) => void;
  onBlankAnswers?: (blank: BlankAnswers) => void;
}

/**
 * The records of several files as one set.
 * @throws EvaluationError `no-data` for an id that appears twice; DataError as `readRecords`.
 */
export async function* recordsOfFiles(
  { files, limit = Number.POSITIVE_INFINITY, strict }: RecordFiles,
  { onProblem, onBlankAnswers }: FileReports = {},
): AsyncGenerator<QuestionRecord> {
  const seen = new Set<string>();
  for (const file of files) {
    const ofFile = onProblem && ((problem: RecordProblem) => onProblem(file, problem));
    for await (const record of readRecords(file, { strict, onProblem: ofFile, onBlankAnswers })) {
      if (seen.size >= limit) return;
      if (seen.has(record.id)) {
        throw new EvaluationError(
          'no-data',
          `The id ${JSON.stringify(record.id)} appears more than once in ${files.join(', ')}: results could not be told apart.`,
        );
      }
      seen.add(record.id);
      yield record;
    }
  }
}

/**
 * Reads the files once and returns the number of records, so that whatever is wrong with them is known before anything
 * starts.
 * @throws EvaluationError as `recordsOfFiles`, and `invalid-argument` for a record that lacks what a metric needs.
 */
export async function countRecords(
  source: RecordFiles,
  metrics: readonly Metric[] | undefined,
  reports: FileReports,
): Promise<number> {
  let total = 0;
  for await (const record of recordsOfFiles(source, reports)) {
    requireScorable(record, metrics);
    total++;
  }
  return total;
}
