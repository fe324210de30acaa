/** `tamtrl data check` */

import { shortened } from '../../base/errors.js';
import { alignedTable, counted } from '../../base/format.js';
import { type FileSummary, fileRows, linesLeftOut, sharedByFiles, summarizeFile } from '../../data/file-summary.js';
import { keyOf, type RecordKey, sharedNames } from '../../data/overlap.js';
import { type BlankAnswers, blankAnswersText, type QuestionRecord } from '../../data/records.js';
import { EXIT } from '../terminal/errors.js';
import { runInterruptible } from '../terminal/interruptible.js';
import type { Io } from '../terminal/io.js';

/** Number of problems and shared records listed one by one; the rest are only counted. */
const TOLD = 10;

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
    const found = sharedByFiles(files, keys);
    for (const { between, shared } of found) {
      tell(
        io,
        `${counted(shared.length, 'record')} of ${between[1]} ${shared.length === 1 ? 'is' : 'are'} also in ${between[0]}, by id or by question and documents: ${sharedNames(shared, TOLD)}. Do not train on one and evaluate on the other.`,
      );
    }
    const isGood = (summary: FileSummary) => summary.records > 0 && linesLeftOut(summary) === 0;
    const ok = summaries.every(isGood) && found.length === 0;
    const pairs = found.map(({ between, shared }) => {
      return { between, records: shared.length, ids: shared.slice(0, TOLD).map(({ id }) => id) };
    });
    if (options.json) io.out(`${JSON.stringify({ ok, files: summaries, shared: pairs })}\n`);
    else io.out(alignedTable(fileRows(summaries)));
    return ok ? EXIT.success : EXIT.failure;
  });
}

/** A line that may quote what the files hold. */
function tell(io: Io, line: string): void {
  io.err(`${shortened(line)}\n`);
}

async function checkFile(
  file: string,
  strict: boolean,
  io: Io,
  signal: AbortSignal,
  onRecord?: (record: QuestionRecord) => void,
): Promise<FileSummary> {
  let told = 0;
  const blanks: BlankAnswers[] = [];
  const summary = await summarizeFile(file, {
    strict,
    signal,
    onRecord,
    onProblem: ({ line, message }) => {
      if (told++ < TOLD) tell(io, `${file}, line ${line}: ${message}`);
    },
    onBlankAnswers: (blank) => blanks.push(blank),
  });
  if (blanks.length > 0) tell(io, `${file}: ${blankAnswersText(blanks)}`);
  if (told > TOLD) io.err(`${file}: ${counted(told - TOLD, 'more line')} left out.\n`);
  return summary;
}
