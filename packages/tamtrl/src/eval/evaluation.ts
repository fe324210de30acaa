/**
 * An evaluation in a folder: a line for each record as it is finished, settings that must stay the same, and a summary.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfThere, writeWhole } from '../base/files.js';
import { lockFolder } from '../base/lock.js';
import { differences, differencesText, parsedJson } from '../base/objects.js';
import type { Progress } from '../base/progress.js';
import { entriesOf, foreignFolderMessage, readJsonObject } from '../data/files/output.js';
import type { QuestionRecord } from '../data/records.js';
import { MemoryError } from '../memory/errors.js';
import type { MemoryModel } from '../memory/turn.js';
import { type Metric, SCORER_VERSION } from '../reward/outcome.js';
import { TextError } from '../text/errors.js';
import { answered } from './answered.js';
import { EvaluationError } from './errors.js';
import { type ReaderName, type RecordReaderOptions, recordReader } from './readers.js';
import {
  type EvaluationSummary,
  failureOf,
  type RecordResult,
  requireScorable,
  resultOf,
  resultSchema,
  summarize,
} from './results.js';
import { mean } from './statistics.js';

export interface EvaluationProgress extends Omit<Progress, 'total'> {
  /** Of the finished records, those of an earlier session. */
  resumed: number;
  failures: number;
  /** The first metric of the evaluation, and its mean so far. */
  metric: Metric;
  score: number;
}

export interface EvaluationSetup {
  model: MemoryModel;
  reader: ReaderName;
  read: RecordReaderOptions;
  records: AsyncIterable<QuestionRecord> | Iterable<QuestionRecord>;
  /** Named in the summary, the first one first; default: what each record or its source names. */
  metrics?: readonly Metric[];
  /** Saved in the folder, and compared when the evaluation is resumed. */
  settings: Readonly<Record<string, unknown>>;
  folder: string;
  /** Continue the evaluation in the folder. */
  resume?: boolean;
  /** Records read side by side. */
  concurrency: number;
  signal?: AbortSignal;
  /** The folder and the settings have been accepted. */
  onStart?: () => void;
  onProgress?: (progress: EvaluationProgress) => void;
}

export const SETTINGS = 'settings.json';
export const RESULTS = 'results.jsonl';
export const SUMMARY = 'summary.json';

/** What must be the same for two evaluations to be comparable, besides their settings. */
export interface EvaluationIdentity {
  /** `SCORER_VERSION` of the program. */
  scorer: number;
  /** SHA-256 of the prompts as the model gets them, with names in the places of question, memory and text. */
  prompts_sha256: string;
}

function identityOf({ model, read: { frames, renderer } }: EvaluationSetup): EvaluationIdentity {
  const { format } = frames;
  const [question, memory, chunk] = ['{question}', '{memory}', '{chunk}'];
  const messages = [
    format.update({ question, memory, chunk }),
    format.answer({ question, memory }),
    format.direct?.({ question, chunk }) ?? '',
  ];
  const texts = [
    ...messages.map((content) => model.chat.render([{ role: 'user', content }])),
    format.initialMemory(question),
    renderer.heading({ title: '{title}', text: '{text}' }, 0),
  ];
  return { scorer: SCORER_VERSION, prompts_sha256: createHash('sha256').update(JSON.stringify(texts)).digest('hex') };
}

/** Whether the error is about one record, not about the model or the machine. */
function isAboutRecord(error: unknown): error is MemoryError | TextError {
  return MemoryError.isInstance(error) || TextError.isInstance(error);
}

/**
 * Reads the records, writes a line for each, and returns their summary. Records whose line is in the folder are not
 * read again.
 * @throws LockError for a folder that another process writes to; EvaluationError `settings` for a folder with other
 *   settings; `no-data` without records; `invalid-argument` for a record that lacks what a metric needs; whatever the
 *   model throws, after the finished lines have been written.
 */
export async function evaluateRecords(
  setup: EvaluationSetup,
): Promise<{ summary: EvaluationSummary & EvaluationIdentity; results: RecordResult[] }> {
  await requireUnusedFolder(setup.folder);
  const unlock = await lockFolder(setup.folder);
  try {
    return await evaluateLocked(setup);
  } finally {
    await unlock();
  }
}

async function evaluateLocked(
  setup: EvaluationSetup,
): Promise<{ summary: EvaluationSummary & EvaluationIdentity; results: RecordResult[] }> {
  const { folder, settings, read, concurrency, signal, metrics } = setup;
  const identity = identityOf(setup);
  const known = await begin(setup, identity);
  setup.onStart?.();
  const done = new Map(known.map((result) => [result.id, result]));
  const results: RecordResult[] = [];
  const file = await open(join(folder, RESULTS), 'a');
  let resumed = 0;
  const report = () => {
    const metric = metrics?.[0] ?? results[0]?.metric ?? 'exact_match';
    setup.onProgress?.({
      finished: results.length,
      resumed,
      failures: results.filter(({ error }) => error !== undefined).length,
      tokens: results.reduce((sum, result) => sum + result.prompt_tokens + result.sampled_tokens, 0),
      metric,
      score: mean(results.flatMap((result) => result[metric] ?? [])),
    });
  };
  try {
    for await (const batch of batches(setup.records, concurrency, (record) => {
      const before = done.get(record.id);
      if (!before) return false;
      results.push(before);
      resumed++;
      return true;
    })) {
      signal?.throwIfAborted();
      for (const record of batch) requireScorable(record, metrics);
      const fresh = await readBatch(setup, batch);
      await append(file, fresh);
      results.push(...fresh);
      report();
    }
  } finally {
    await file.close();
  }
  if (results.length === 0) throw new EvaluationError('no-data', 'There is no usable record to evaluate on.');
  const summary = { ...identity, ...summarize(results, read.seed, metrics) };
  await writeWhole(join(folder, SUMMARY), { settings, ...summary });
  return { summary, results };
}

async function readBatch(setup: EvaluationSetup, batch: readonly QuestionRecord[]): Promise<RecordResult[]> {
  const { model, reader, read } = setup;
  const started = performance.now();
  const secondsEach = () => (performance.now() - started) / 1000 / batch.length;
  try {
    const groups = await answered(batch, recordReader(reader, model, read), read.frames.format);
    return groups.map(([result], at) => resultOf(batch[at], result, secondsEach()));
  } catch (error) {
    if (!isAboutRecord(error)) throw error;
    if (batch.length === 1) return [failureOf(batch[0], error.message, secondsEach())];
    // One of the records does not fit; reading each alone shows which.
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

/** @throws EvaluationError `file` for a folder with something else in it than an evaluation. */
export async function requireUnusedFolder(folder: string): Promise<void> {
  // All that an evaluation leaves that is killed before its first file is whole.
  const entries = (await entriesOf(folder)).filter((name) => name !== `${SETTINGS}.partial`);
  if (entries.length === 0 || entries.includes(SETTINGS)) return;
  throw new EvaluationError('file', foreignFolderMessage(folder, entries, 'an evaluation'));
}

async function begin(
  { folder, resume, ...setup }: EvaluationSetup,
  identity: EvaluationIdentity,
): Promise<RecordResult[]> {
  const settings = { ...setup.settings, ...identity };
  const text = await readIfThere(join(folder, SETTINGS));
  if (text === undefined) {
    await writeWhole(join(folder, SETTINGS), settings);
    return [];
  }
  if (!resume) {
    throw new EvaluationError(
      'settings',
      `${folder} already holds an evaluation. Continue it with --resume, or name another folder.`,
    );
  }
  const before = await readJsonObject(join(folder, SETTINGS));
  if (!before) {
    throw new EvaluationError(
      'file',
      `${join(folder, SETTINGS)} does not hold the settings of an evaluation. Name another folder.`,
    );
  }
  const now = JSON.parse(JSON.stringify(settings)) as Record<string, unknown>;
  if ('empty' in now && !('empty' in before)) Object.assign(before, formerRules(before));
  // Earlier versions did not write down scorer and prompts; their evaluations may go on.
  if (!('scorer' in before)) Object.assign(before, identity);
  const changed = differences(before, now);
  if (changed.length > 0) {
    throw new EvaluationError(
      'settings',
      `The evaluation in ${folder} has other settings: ${differencesText(changed)}. Use the same settings, or name another folder.`,
    );
  }
  return savedResults(join(folder, RESULTS));
}

/** What earlier versions did and did not write down. */
function formerRules({ prompts }: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return { empty: 'keep', align: 'token', documents: prompts === 'mini' ? 'plain' : 'numbered' };
}

/** The results that an earlier session wrote. An incomplete last line, left by a kill, is cut off the file. */
async function savedResults(path: string): Promise<RecordResult[]> {
  const text = (await readIfThere(path)) ?? '';
  const end = text.lastIndexOf('\n') + 1;
  if (end < text.length) await writeFile(path, text.slice(0, end));
  return text
    .slice(0, end)
    .split('\n')
    .filter((line) => line !== '')
    .map((line, at) => {
      const parsed = resultSchema.safeParse(parsedJson(line));
      if (parsed.success) return parsed.data;
      const { path: key, message } = parsed.error.issues[0];
      const what = key.length === 0 ? message : `${key.join('.')}: ${message}`;
      throw new EvaluationError(
        'file',
        `${path}, line ${at + 1} is not a result (${what}). Remove the line to read its record again, or remove the folder.`,
      );
    });
}
