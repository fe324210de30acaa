/** `tamtrl data check` */

import { shortened } from '../../base/errors.js';
import { alignedTable, count } from '../../base/format.js';
import { keyOf, type RecordKey, sharedNames, sharedRecords } from '../../data/overlap.js';
import {
  type BlankAnswers,
  blankAnswersText,
  type QuestionRecord,
  RECORD_PROBLEMS,
  type RecordProblem,
  readRecords,
} from '../../data/records.js';
import { EXIT } from '../terminal/errors.js';
import { runInterruptible } from '../terminal/interruptible.js';
import type { Io } from '../terminal/io.js';

/** Number of problems listed one by one; the rest are only counted. */
const TOLD = 10;

interface FileSummary {
  file: string;
  records: number;
  answers: number;
  documents: number;
  characters: number;
  /** Records in which something is marked relevant. */
  annotated: number;
  longest: number;
  /** Blank gold answers, which are dropped. */
  blank_answers: number;
  problems: Record<string, number>;
}

export function checkFiles(
  files: readonly string[],
  options: { strict?: boolean; json?: boolean },
  io: Io,
): Promise<number> {
  return runInterruptible(io, async (signal) => {
    const summaries: FileSummary[] = [];
    const keys: RecordKey[][] = [];
    for (const file of files) {
      const own: RecordKey[] = [];
      keys.push(own);
      const onRecord = files.length > 1 ? (record: QuestionRecord) => void own.push(keyOf(record)) : undefined;
      summaries.push(await checkFile(file, options.strict === true, io, signal, onRecord));
    }
    const shared = sharedByFiles(files, keys);
    for (const { between, records, names } of shared) {
      tell(
        io,
        `${count(records)} records of ${between[1]} are also in ${between[0]}, by id or by question and documents: ${names}. Do not train on one and evaluate on the other.`,
      );
    }
    const bad = summaries.some(({ problems }) => Object.values(problems).some((value) => value > 0));
    const empty = summaries.some(({ records }) => records === 0);
    const ok = !bad && !empty && shared.length === 0;
    const pairs = shared.map(({ between, records, ids }) => ({ between, records, ids }));
    if (options.json) io.out(`${JSON.stringify({ ok, files: summaries, shared: pairs })}\n`);
    else io.out(table(summaries));
    return ok ? EXIT.success : EXIT.failure;
  });
}

/** A line that may quote what the files hold. */
function tell(io: Io, line: string): void {
  io.err(`${shortened(line)}\n`);
}

interface Shared {
  between: [string, string];
  records: number;
  /** Of the first shared records, as the second file names them. */
  ids: string[];
  names: string;
}

/** The records that any two of the files share. */
function sharedByFiles(files: readonly string[], keys: readonly (readonly RecordKey[])[]): Shared[] {
  return files.flatMap((second, at) =>
    files.slice(0, at).flatMap((first, before): Shared[] => {
      const found = sharedRecords(keys[before], keys[at]);
      if (found.length === 0) return [];
      const ids = found.slice(0, TOLD).map(({ id }) => id);
      return [{ between: [first, second], records: found.length, ids, names: sharedNames(found, TOLD) }];
    }),
  );
}

async function checkFile(
  file: string,
  strict: boolean,
  io: Io,
  signal: AbortSignal,
  onRecord?: (record: QuestionRecord) => void,
): Promise<FileSummary> {
  const problems = Object.fromEntries(RECORD_PROBLEMS.map((kind) => [kind, 0]));
  const summary: FileSummary = {
    file,
    records: 0,
    answers: 0,
    documents: 0,
    characters: 0,
    annotated: 0,
    longest: 0,
    blank_answers: 0,
    problems,
  };
  let told = 0;
  const onProblem = ({ kind, line, message }: RecordProblem) => {
    problems[kind]++;
    if (told++ < TOLD) tell(io, `${file}, line ${line}: ${message}`);
  };
  const blanks: BlankAnswers[] = [];
  const onBlankAnswers = (blank: BlankAnswers) => {
    blanks.push(blank);
    summary.blank_answers += blank.count;
  };
  for await (const record of readRecords(file, { strict, onProblem, onBlankAnswers })) {
    signal.throwIfAborted();
    onRecord?.(record);
    const { answers, documents, evidence } = record;
    const length = documents.reduce((sum, { text }) => sum + text.length, 0);
    summary.records++;
    summary.answers += answers.length;
    summary.documents += documents.length;
    summary.characters += length;
    summary.longest = Math.max(summary.longest, length);
    if (evidence || documents.some(({ relevant }) => relevant !== undefined)) summary.annotated++;
  }
  if (blanks.length > 0) tell(io, `${file}: ${blankAnswersText(blanks)}`);
  if (told > TOLD) io.err(`${file}: ${count(told - TOLD)} more lines were left out.\n`);
  return summary;
}

function table(summaries: readonly FileSummary[]): string {
  const rows = summaries.map(({ file, records, documents, characters, annotated, longest, problems }) => {
    const left = Object.values(problems).reduce((a, b) => a + b, 0);
    const mean = (total: number) => (records === 0 ? '-' : count(total / records));
    return [file, count(records), count(left), count(annotated), mean(documents), mean(characters), count(longest)];
  });
  const head = ['file', 'records', 'left out', 'annotated', 'documents each', 'characters each', 'longest'];
  return alignedTable([head, ...rows]);
}
