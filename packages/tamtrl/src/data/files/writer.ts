/** Writes records so that a file under its final name is always complete. */
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { makeFolder } from '../../base/files.js';
import { LockError, lockFile } from '../../base/lock.js';
import { DataError } from '../errors.js';
import type { AnswersWanted, Metric } from '../metrics.js';
import type { QuestionRecord } from '../records.js';

/**
 * A record whose text comes piece by piece, for documents that are too long to hold in memory. `evidence` is read after
 * the text.
 */
export interface StreamedRecord {
  id: string;
  source: string;
  question: string;
  answers: readonly string[];
  answersWanted?: AnswersWanted;
  metric?: Metric;
  title?: string;
  text: Iterable<string>;
  evidence: () => readonly { document: number; start: number; end: number }[];
}

type AnyRecords = AsyncIterable<QuestionRecord | StreamedRecord> | Iterable<QuestionRecord | StreamedRecord>;

/**
 * Writes records as JSON Lines to `path` (compressed if it ends in .gz). It writes to `path`.partial and renames that
 * file at the end. If the records end in an error or an abort, it leaves no file behind. Returns the number of records
 * written.
 * @throws LockError while another process writes to `path`; DataError `file` if `path` cannot be written to; any error
 *   that the records throw.
 */
export async function writeRecords(
  path: string,
  records: AnyRecords,
  options: { signal?: AbortSignal; onRecord?: (count: number) => void } = {},
): Promise<number> {
  const unlock = await lockedOut(path);
  try {
    return await writeLocked(path, records, options);
  } finally {
    await unlock();
  }
}

/** Two writers of one file would rename each other's unfinished content. */
async function lockedOut(path: string): Promise<() => Promise<void>> {
  try {
    await makeFolder(dirname(path));
    return await lockFile(path);
  } catch (error) {
    throw LockError.isInstance(error) ? error : unwritable(path, error);
  }
}

async function writeLocked(
  path: string,
  records: AnyRecords,
  options: { signal?: AbortSignal; onRecord?: (count: number) => void },
): Promise<number> {
  const partial = `${path}.partial`;
  let count = 0;
  let own: unknown;
  async function* text(): AsyncGenerator<string> {
    try {
      for await (const record of records) {
        for (const piece of pieces(record)) {
          options.signal?.throwIfAborted();
          yield piece;
        }
        count++;
        options.onRecord?.(count);
      }
    } catch (error) {
      own = error;
      throw error;
    }
  }
  try {
    // If a link is left in its place, writing would change another file.
    await rm(partial, { force: true });
    // Opened first: a stream that opens its file itself can do so after an error, when the file has been removed.
    const file = (await open(partial, 'wx')).createWriteStream({ flush: true });
    if (path.endsWith('.gz')) await pipeline(text, createGzip(), file);
    else await pipeline(text, file);
    await rename(partial, path);
    return count;
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw own ?? unwritable(path, error);
  }
}

function unwritable(path: string, error: unknown): DataError {
  return new DataError('file', `Cannot write ${path}: ${(error as Error).message}.`, { cause: error });
}

function* pieces(record: QuestionRecord | StreamedRecord): Generator<string> {
  if (!('text' in record)) {
    yield `${JSON.stringify(record)}\n`;
    return;
  }
  const { id, source, question, answers, answersWanted, metric, title } = record;
  const head = JSON.stringify({ id, source, question, answers, answersWanted, metric }).slice(0, -1);
  yield `${head},"documents":[{${title === undefined ? '' : `"title":${JSON.stringify(title)},`}"text":"`;
  for (const text of record.text) yield JSON.stringify(text).slice(1, -1);
  yield `"}],"evidence":${JSON.stringify(record.evidence())}}\n`;
}

/** The same record in memory. */
export function gathered(record: StreamedRecord): QuestionRecord {
  const { id, source, question, answers, answersWanted, metric, title } = record;
  const text = [...record.text].join('');
  return {
    id,
    source,
    question,
    answers: [...answers],
    ...(answersWanted && { answersWanted }),
    ...(metric && { metric }),
    documents: [{ title, text }],
    evidence: [...record.evidence()],
  };
}
