/** What files of question records hold, in numbers, and what they share. */
import { count } from '../base/format.js';
import { type RecordKey, type SharedRecord, sharedRecords } from './overlap.js';
import { isAnnotated, type QuestionRecord, RECORD_PROBLEMS, type ReadRecordsOptions, readRecords } from './records.js';

export interface FileSummary {
  file: string;
  records: number;
  answers: number;
  documents: number;
  characters: number;
  /** Records in which something is marked relevant. */
  annotated: number;
  /** Characters of the longest record. */
  longest: number;
  /** Blank gold answers, which are dropped. */
  blank_answers: number;
  /** Lines left out, by what is wrong with them. */
  problems: Record<string, number>;
}

export interface SummaryOptions extends ReadRecordsOptions {
  signal?: AbortSignal;
  onRecord?: (record: QuestionRecord) => void;
}

/**
 * Reads a file once.
 * @throws DataError `file` if it cannot be read, `record` at the first bad line if `strict`; the signal's reason.
 */
export async function summarizeFile(file: string, options: SummaryOptions = {}): Promise<FileSummary> {
  const { signal, onRecord, ...reading } = options;
  const summary: FileSummary = {
    file,
    records: 0,
    answers: 0,
    documents: 0,
    characters: 0,
    annotated: 0,
    longest: 0,
    blank_answers: 0,
    problems: Object.fromEntries(RECORD_PROBLEMS.map((kind) => [kind, 0])),
  };
  const onProblem: ReadRecordsOptions['onProblem'] = (problem) => {
    summary.problems[problem.kind]++;
    reading.onProblem?.(problem);
  };
  const onBlankAnswers: ReadRecordsOptions['onBlankAnswers'] = (blank) => {
    summary.blank_answers += blank.count;
    reading.onBlankAnswers?.(blank);
  };
  for await (const record of readRecords(file, { ...reading, onProblem, onBlankAnswers })) {
    signal?.throwIfAborted();
    onRecord?.(record);
    const length = record.documents.reduce((sum, { text }) => sum + text.length, 0);
    summary.records++;
    summary.answers += record.answers.length;
    summary.documents += record.documents.length;
    summary.characters += length;
    summary.longest = Math.max(summary.longest, length);
    if (isAnnotated(record)) summary.annotated++;
  }
  return summary;
}

/** Lines of a file that yielded no record. */
export function linesLeftOut({ problems }: FileSummary): number {
  return Object.values(problems).reduce((sum, lines) => sum + lines, 0);
}

/** Rows: header, then a file each. */
export function fileRows(summaries: readonly FileSummary[]): string[][] {
  const rows = summaries.map((summary) => {
    const { file, records, documents, characters, annotated, longest } = summary;
    const mean = (total: number) => (records === 0 ? '-' : count(total / records));
    const left = count(linesLeftOut(summary));
    return [file, count(records), left, count(annotated), mean(documents), mean(characters), count(longest)];
  });
  return [['file', 'records', 'left out', 'annotated', 'documents each', 'characters each', 'longest'], ...rows];
}

export interface SharedByFiles {
  between: [first: string, second: string];
  shared: SharedRecord[];
}

/** The records that any two of the files share, as the second one names them. `keys` are the files' records. */
export function sharedByFiles(files: readonly string[], keys: readonly (readonly RecordKey[])[]): SharedByFiles[] {
  return files.flatMap((second, at) =>
    files.slice(0, at).flatMap((first, before): SharedByFiles[] => {
      const shared = sharedRecords(keys[before], keys[at]);
      return shared.length === 0 ? [] : [{ between: [first, second], shared }];
    }),
  );
}
