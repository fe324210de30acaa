/**
 * The parts of a comparison that are there, held against the settings that made them: a result of other settings is
 * not shown as if the file's settings had made it.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { dirname, join } from 'node:path';
import { exists, makeFolder, readIfThere, writeWhole } from '../base/files.js';
import { differences, differencesText, given } from '../base/objects.js';
import { readJsonObject } from '../data/files/output.js';
import { miniRecords } from '../data/mini/task.js';
import type { QuestionRecord } from '../data/records.js';
import { SETTINGS } from '../eval/evaluation.js';
import { type ReadingSettings, readingOf } from '../memory/reading-settings.js';
import { inPresentForm, type RunConfig } from '../train/config.js';
import type { CompareBenchmark, CompareConfig } from './comparison-config.js';
import { benchmarkData, type ComparisonCell, type ComparisonRun, comparisonRuns } from './comparison-plan.js';
import { sharedReading } from './comparison-settings.js';
import { differencesOfTraining } from './comparison-trainings.js';
import { RunError } from './errors.js';
import { RunFolder } from './folder.js';
import type { Given } from './settings.js';

/** What an evaluation is asked for; what it does not say, the model's training says. */
export interface EvaluationRequest extends Partial<ReadingSettings> {
  model: string;
  reader: string;
  data: string[];
  limit: number;
  seed: number;
  contextTokens?: number;
}

/** Rules, limits and wording that a benchmark may ask for. */
const ASKED = [
  'questionTokens',
  'chunkTokens',
  'memoryTokens',
  'answerTokens',
  'contextTokens',
  'empty',
  'align',
  'parallel',
  'mergeWidth',
  'prompts',
  'documents',
  'thinking',
] as const;

/**
 * A trained model reads as it was trained to, one that is not as the trainings of the comparison do (`shared`); what
 * the benchmark asks for holds for all. All answer greedily.
 */
export function requestOf(
  { method, seed, model }: ComparisonRun,
  { benchmark, data }: ComparisonCell,
  shared: ReadingSettings | undefined,
): EvaluationRequest {
  const asked = given(Object.fromEntries(ASKED.map((name) => [name, benchmark[name]])));
  const below = method.train === undefined ? given(shared ?? {}) : {};
  const greedy = { temperature: 0, topP: 1 };
  return {
    model,
    reader: method.reader,
    data: [data],
    limit: benchmark.questions,
    seed,
    ...below,
    ...asked,
    ...greedy,
  };
}

/** What a cell was made from, saved next to its folder. It has no paths, because folders may be moved. */
interface CellRecord {
  request: Omit<EvaluationRequest, 'data' | 'model'> & { model?: string };
  /** Hash of the benchmark's records. */
  records?: string;
  /** When the training of its model was started. */
  training?: string;
}

const recordFile = ({ folder }: ComparisonCell) => `${folder}.json`;

/** Written before the evaluation begins. */
export async function writeCellRecord(
  config: CompareConfig,
  run: ComparisonRun,
  cell: ComparisonCell,
  shared: ReadingSettings | undefined,
): Promise<void> {
  await writeWhole(recordFile(cell), await cellRecord(config, run, cell, shared));
}

async function cellRecord(
  config: CompareConfig,
  run: ComparisonRun,
  cell: ComparisonCell,
  shared: ReadingSettings | undefined,
): Promise<CellRecord> {
  const { data: _, model, ...request } = requestOf(run, cell, shared);
  const records = await hashOf(config, cell.benchmark);
  // Its training identifies a trained model.
  const own = run.training === undefined ? { model } : {};
  return { request: { ...own, ...request }, records, training: await startOf(run) };
}

async function startOf({ training }: ComparisonRun): Promise<string | undefined> {
  if (training === undefined) return undefined;
  const { started } = (await readJsonObject(new RunFolder(training).file('info'))) ?? {};
  return typeof started === 'string' ? started : undefined;
}

/** The questions of a generated benchmark as its file holds them; undefined for a file of the user's own. */
export function generatedText({ data, questions }: CompareBenchmark): string | undefined {
  if (typeof data === 'string') return undefined;
  const { chunks, facts, queries, seed } = data;
  const task = { chunks, factsPerChunk: facts, queries };
  return [...miniRecords(task, seed, questions)].map((record) => `${JSON.stringify(record)}\n`).join('');
}

async function hashOf(config: CompareConfig, benchmark: CompareBenchmark): Promise<string | undefined> {
  const text = generatedText(benchmark);
  return text === undefined ? fileHash(benchmarkData(config, benchmark)) : questionsHash(text);
}

/** Of what is in place. */
async function hashThere(config: CompareConfig, benchmark: CompareBenchmark): Promise<string | undefined> {
  const path = benchmarkData(config, benchmark);
  if (typeof benchmark.data === 'string') return fileHash(path);
  const text = await readIfThere(path);
  return text === undefined ? undefined : questionsHash(text);
}

/** Of generated questions, whatever else a version of the program writes of them. */
function questionsHash(text: string): string {
  const hash = createHash('sha256');
  for (const line of text.trimEnd().split('\n')) {
    const { id, question, answers, documents } = JSON.parse(line) as QuestionRecord;
    hash.update(JSON.stringify([id, question, answers, documents]));
  }
  return hash.digest('hex');
}

async function fileHash(path: string): Promise<string | undefined> {
  if (!(await exists(path))) return undefined;
  const hash = createHash('sha256');
  for await (const bytes of createReadStream(path)) hash.update(bytes as Uint8Array);
  return hash.digest('hex');
}

/** Writes the questions of generated benchmarks where others or none are there. */
export async function writeGenerated(config: CompareConfig): Promise<void> {
  for (const benchmark of config.benchmarks) {
    const text = generatedText(benchmark);
    if (text === undefined || (await hashThere(config, benchmark)) === (await hashOf(config, benchmark))) continue;
    const path = benchmarkData(config, benchmark);
    await makeFolder(dirname(path));
    await writeWhole(path, text);
  }
}

interface ChangedPart {
  name: string;
  what: string;
  /** The folders to remove so that the part runs again. */
  folders: string[];
}

/** Number of parts listed one by one. */
const TOLD = 10;

/** @throws RunError naming every part that was made with other settings, and what differs. */
export async function requireSameParts(config: CompareConfig, files: Pick<Given, 'files'> = {}): Promise<void> {
  const changed: ChangedPart[] = [];
  const shared = await sharedReading(config, files);
  for (const run of comparisonRuns(config)) {
    const training = await changedTraining(config, run, files);
    if (training) {
      changed.push(training);
      continue;
    }
    for (const cell of run.cells) changed.push(...(await changedCell(config, run, cell, shared)));
  }
  if (changed.length === 0) return;
  const lines = changed.slice(0, TOLD).map(({ name, what }) => `  ${name}: ${what}.`);
  const more = changed.length > TOLD ? [`  and ${changed.length - TOLD} more.`] : [];
  throw new RunError(
    'settings',
    [
      `Parts of the comparison in ${config.out} were made with other settings than ${config.file} says:`,
      ...lines,
      ...more,
      `Go back to those settings, name another folder as "out", or remove these to run them again: ${changed.flatMap(({ folders }) => folders).join(' ')}`,
    ].join('\n'),
  );
}

async function changedTraining(
  config: CompareConfig,
  run: ComparisonRun,
  files: Pick<Given, 'files'>,
): Promise<ChangedPart | undefined> {
  const { method, seed, training } = run;
  if (training === undefined) return undefined;
  const found = await differencesOfTraining(config, run, files);
  if (found.length === 0) return undefined;
  // Its evaluations are of a model that will change.
  const folders = [training, ...run.cells.map(({ folder }) => folder)];
  return { name: `${method.name}, seed ${seed}: training`, what: differencesText(found), folders };
}

async function changedCell(
  config: CompareConfig,
  run: ComparisonRun,
  cell: ComparisonCell,
  shared: ReadingSettings | undefined,
): Promise<ChangedPart[]> {
  const settings = await readJsonObject(join(cell.folder, SETTINGS));
  if (!settings) return [];
  const now = await cellRecord(config, run, cell, shared);
  const before = (await readJsonObject(recordFile(cell))) as CellRecord | undefined;
  const found = before
    ? differencesOfRecords(before, now)
    : await differencesOfOld(config, settings, cell, {
        ...now,
        request: { ...(await trainedTo(run)), ...now.request },
      });
  if (found.length === 0) return [];
  const name = `${run.method.name}, seed ${run.seed}: ${cell.benchmark.name}`;
  return [{ name, what: found.join('; '), folders: [cell.folder] }];
}

/** How the model of a run was trained to read, which earlier versions did not ask of an evaluation. */
async function trainedTo({ training }: ComparisonRun): Promise<Partial<ReadingSettings>> {
  const saved = training && (await readJsonObject(new RunFolder(training).file('config')));
  return saved ? given(readingOf(inPresentForm(saved) as RunConfig)) : {};
}

function differencesOfRecords(before: CellRecord, now: CellRecord): string[] {
  const found = differences(before.request, JSON.parse(JSON.stringify(now.request)));
  return [
    ...(found.length > 0 ? [differencesText(found)] : []),
    ...(before.records === now.records ? [] : ['the benchmark has different records']),
    ...(before.training === now.training ? [] : ['its model comes from a different training than the present one']),
  ];
}

/** Earlier versions kept no record: the evaluation's settings are held against what is asked for now. */
async function differencesOfOld(
  config: CompareConfig,
  settings: Readonly<Record<string, unknown>>,
  { benchmark }: ComparisonCell,
  { request, records }: CellRecord,
): Promise<string[]> {
  const { empty = 'keep', align = 'token' } = settings;
  const documents = settings.documents ?? (settings.prompts === 'mini' ? 'plain' : 'numbered');
  const found = differences({ ...settings, empty, align, documents }, request).filter(
    ({ path }) => path.split('.')[0] in request,
  );
  const isSame = (await hashThere(config, benchmark)) === records;
  return [
    ...(found.length > 0 ? [differencesText(found)] : []),
    ...(isSame ? [] : ['the benchmark has different records']),
  ];
}
