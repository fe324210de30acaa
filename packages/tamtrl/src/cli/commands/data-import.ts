/** `tamtrl data import` */
import { stat } from 'node:fs/promises';
import { shortened } from '../../base/errors.js';
import { count, counted } from '../../base/format.js';
import { downloadHubFiles, parseHubSource } from '../../data/files/hub.js';
import { requireFreeFile } from '../../data/files/output.js';
import { writeRecords } from '../../data/files/writer.js';
import { findImporter, type ImportProblem, importRecords, readEvidence } from '../../data/importers/importers.js';
import { isUnspaced } from '../../data/metrics.js';
import { isAnnotated, type QuestionRecord } from '../../data/records.js';
import { EXIT, UsageError } from '../terminal/errors.js';
import { runInterruptible } from '../terminal/interruptible.js';
import type { Io } from '../terminal/io.js';
import { downloadTold, noteOn } from '../terminal/models.js';

export interface ImportFlags {
  out: string;
  format?: string;
  source?: string;
  rejoin?: string;
  sentences?: boolean;
  limit?: number;
  strict?: boolean;
  overwrite?: boolean;
  json?: boolean;
}

const TOLD = 10;
/** Records between two lines of progress. */
const EVERY = 5000;

export function importData(place: string, flags: ImportFlags, io: Io): Promise<number> {
  return runInterruptible(io, async (signal) => {
    await requireFreeFile(flags.out, flags.overwrite);
    const paths = await filesOf(place, io);
    const importer = flags.format === undefined ? undefined : findImporter(flags.format);
    const evidence = flags.rejoin === undefined ? undefined : await readEvidence(flags.rejoin);
    if (evidence) io.err(`${flags.rejoin}: relevant paragraphs of ${count(evidence.size)} questions\n`);
    const problems: ImportProblem[] = [];
    let left = 0;
    const onProblem = (problem: ImportProblem) => {
      left++;
      if (problems.length >= TOLD) return;
      problems.push(problem);
      io.err(`${place}, ${problem.place}: ${shortened(problem.message)}\n`);
    };
    let annotated = 0;
    let unspaced = 0;
    async function* records(): AsyncGenerator<QuestionRecord> {
      const { source, strict, sentences, limit = Number.POSITIVE_INFINITY } = flags;
      let written = 0;
      for (const path of paths) {
        for await (const record of importRecords(path, { importer, source, strict, sentences, evidence, onProblem })) {
          if (written++ >= limit) return;
          if (isAnnotated(record)) annotated++;
          if (record.answers.some(isUnspaced)) unspaced++;
          yield record;
        }
      }
    }
    const onRecord = (written: number) => {
      if (written % EVERY === 0) io.err(`${count(written)} records\n`);
    };
    const written = await writeRecords(flags.out, records(), { signal, onRecord });
    if (left > TOLD) io.err(`${place}: ${counted(left, 'row')} in all yielded no record.\n`);
    if (unspaced > 0) {
      io.err(
        `${place}: ${counted(unspaced, 'record')} ${unspaced === 1 ? 'has' : 'have'} answers in a script without spaces, where word-based scores are all or nothing. Records that would have such a metric are scored by char_f1, which compares characters.\n`,
      );
    }
    const summary = { out: flags.out, records: written, left_out: left, annotated };
    if (flags.json) io.out(`${JSON.stringify(summary)}\n`);
    else
      io.out(
        `${flags.out}: ${counted(written, 'record')}, ${count(annotated)} with relevance; ${counted(left, 'row')} left out\n`,
      );
    if (written > 0) return EXIT.success;
    io.err('tamtrl: no row yielded a record.\n');
    return EXIT.failure;
  });
}

async function filesOf(place: string, io: Io): Promise<string[]> {
  const hub = parseHubSource(place);
  if (hub) return downloadHubFiles(hub, downloadTold(noteOn(io)));
  const found = await stat(place).catch(() => undefined);
  if (found?.isFile()) return [place];
  throw new UsageError(`There is ${found ? 'a folder' : 'nothing'} at ${place}; expected a file, or hf:owner/name.`);
}
