/** An evaluation in a folder: results as they come, settings that must stay the same, a summary at the end. */
import { type FileHandle, mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfThere, writeWhole } from '../base/files.js';
import type { QuestionRecord } from '../data/records.js';
import type { MemoryModel } from '../memory/turn.js';
import { EvaluationError } from './errors.js';
import { type ReaderName, type ReadOptions, readRecords } from './read.js';
import { type EvaluationSummary, failed, type RecordResult, resultSchema, scored, summarize } from './results.js';

export interface EvaluationSetup {
  model: MemoryModel;
  reader: ReaderName;
  read: ReadOptions;
  records: AsyncIterable<QuestionRecord> | Iterable<QuestionRecord>;
  /** Written down, and compared when the evaluation is gone on with. */
  settings: Readonly<Record<string, unknown>>;
  folder: string;
  /** Go on with what is in the folder. */
  resume?: boolean;
  /** Records read side by side. */
  concurrency: number;
  signal?: AbortSignal;
  /** The folder and the settings have been accepted. */
  onStart?: () => void;
  onProgress?: (progress: {
    finished: number;
    resumed: number;
    failures: number;
    tokens: number;
    exact_match: number;
  }) => void;
}

const SETTINGS = 'settings.json';
const RESULTS = 'results.jsonl';
export const SUMMARY = 'summary.json';

/** Errors that are about one record, not about the model or the machine. */
const RECORD_ERRORS = new Set(['MemoryError', 'TextError']);

/**
 * Reads the records, writes a line for each, and returns their summary. What is in the folder already is not read again.
 * @throws EvaluationError `settings` for a folder with other results; `no-data` without records; whatever the model throws, after what was
 *   finished has been written.
 */
export async function evaluateRecords(
  setup: EvaluationSetup,
): Promise<{ summary: EvaluationSummary; results: RecordResult[] }> {
  const { folder, settings, read, concurrency, signal } = setup;
  await mkdir(folder, { recursive: true });
  const known = await begin(setup);
  setup.onStart?.();
  const done = new Map(known.map((result) => [result.id, result]));
  const results: RecordResult[] = [];
  const file = await open(join(folder, RESULTS), 'a');
  let resumed = 0;
  const tell = () =>
    setup.onProgress?.({
      ...{ finished: results.length, resumed, failures: results.filter(({ error }) => error !== undefined).length },
      tokens: results.reduce((sum, result) => sum + result.prompt_tokens + result.sampled_tokens, 0),
      exact_match: results.reduce((sum, result) => sum + result.exact_match, 0) / Math.max(1, results.length),
    });
  try {
    for await (const batch of batches(setup.records, concurrency, (record) => {
      const before = done.get(record.id);
      if (!before) return false;
      results.push(before);
      resumed++;
      return true;
    })) {
      signal?.throwIfAborted();
      const fresh = await readBatch(setup, batch);
      await append(file, fresh);
      results.push(...fresh);
      tell();
    }
  } finally {
    await file.close();
  }
  if (results.length === 0) throw new EvaluationError('no-data', 'There is no usable record to evaluate on.');
  const summary = summarize(results, read.seed);
  await writeWhole(join(folder, SUMMARY), { settings, ...summary });
  return { summary, results };
}

async function readBatch(setup: EvaluationSetup, batch: readonly QuestionRecord[]): Promise<RecordResult[]> {
  const { model, reader, read } = setup;
  const started = performance.now();
  const each = () => (performance.now() - started) / 1000 / batch.length;
  const { boxed } = read.frames.format;
  try {
    const results = await readRecords(reader, model, batch, read);
    return results.map((result, at) => scored(batch[at].id, batch[at].answers, result, each(), boxed));
  } catch (error) {
    if (!(error instanceof Error) || !RECORD_ERRORS.has(error.name)) throw error;
    if (batch.length === 1) return [failed(batch[0].id, error.message, each())];
    // One of them does not fit; which one shows when each is read alone.
    const results: RecordResult[] = [];
    for (const record of batch) results.push(...(await readBatch(setup, [record])));
    return results;
  }
}

async function* batches(
  records: EvaluationSetup['records'],
  size: number,
  skip: (record: QuestionRecord) => boolean,
): AsyncGenerator<QuestionRecord[]> {
  let batch: QuestionRecord[] = [];
  for await (const record of records) {
    if (skip(record)) continue;
    batch.push(record);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** Lines reach the disk before the next batch begins. */
async function append(file: FileHandle, results: readonly RecordResult[]): Promise<void> {
  await file.write(results.map((result) => `${JSON.stringify(result)}\n`).join(''));
  await file.sync();
}

async function begin({ folder, settings, resume }: EvaluationSetup): Promise<RecordResult[]> {
  const text = await readIfThere(join(folder, SETTINGS));
  if (text === undefined) {
    await writeWhole(join(folder, SETTINGS), settings);
    return [];
  }
  if (!resume) {
    throw new EvaluationError(
      'settings',
      `${folder} already holds an evaluation. Go on with it (--resume), or name another folder.`,
    );
  }
  const before = JSON.parse(text) as Record<string, unknown>;
  const now = JSON.parse(JSON.stringify(settings)) as Record<string, unknown>;
  const changed = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter(
    (name) => JSON.stringify(before[name]) !== JSON.stringify(now[name]),
  );
  if (changed.length > 0) {
    const list = changed.map(
      (name) => `${name} was ${JSON.stringify(before[name])} and is ${JSON.stringify(now[name])}`,
    );
    throw new EvaluationError(
      'settings',
      `The evaluation in ${folder} was begun otherwise: ${list.join('; ')}. Name another folder.`,
    );
  }
  return savedResults(join(folder, RESULTS));
}

/** Whole lines; a half one at the end, left by a kill, is cut off the file. */
async function savedResults(path: string): Promise<RecordResult[]> {
  const text = (await readIfThere(path)) ?? '';
  const end = text.lastIndexOf('\n') + 1;
  if (end < text.length) await writeFile(path, text.slice(0, end));
  return text
    .slice(0, end)
    .split('\n')
    .filter((line) => line !== '')
    .map((line, at) => {
      const parsed = resultSchema.safeParse(parseJson(line));
      if (parsed.success) return parsed.data;
      throw new EvaluationError('file', `${path}, line ${at + 1} is no result. Remove the folder and evaluate again.`);
    });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
