/** What a reader of a comparison's tables has to know of the runs and cells behind the numbers. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { count } from '../base/format.js';
import { differences, given } from '../base/objects.js';
import { readJsonObject } from '../data/files/output.js';
import { RESULTS, SETTINGS } from '../eval/evaluation.js';
import { inPresentForm, type RunConfig } from '../train/config.js';
import type { CompareConfig } from './comparison-config.js';
import { type ComparisonRun, comparisonRuns, isEvaluated, isTrained } from './comparison-plan.js';
import { RunFolder } from './folder.js';

/** A sentence below the tables, and the rows and cells that it is about; none: it is about all. */
export interface Note {
  text: string;
  /** Without a benchmark: all cells of the method. */
  about: { method: string; benchmark?: string }[];
}

export interface Facts {
  notes: Note[];
  /** All trainings hold out the same questions, so that their learning curves can be compared. */
  sameHeldOut: boolean;
}

export async function factsOf(config: CompareConfig): Promise<Facts> {
  const runs = comparisonRuns(config);
  const trained: Trained[] = [];
  for (const run of runs) trained.push(...(await trainedOf(run)));
  const heldOut = heldOutNotes(trained);
  const notes = [
    ...(await readingNotes(config, runs)),
    ...trainingNotes(trained),
    ...stepNotes(trained),
    ...heldOut,
    ...seedNotes(config),
    ...(await recordNotes(runs)),
  ];
  return { notes, sameHeldOut: heldOut.length === 0 };
}

interface Trained {
  method: string;
  seed: number;
  config: RunConfig;
  /** Steps that were done. */
  steps: number;
  /** Says the same for runs that hold out the same questions. */
  heldOut: string;
}

/** Settings of `data` that leave the held-out questions as they are. */
const OF_TRAINING: readonly string[] = ['trainingSeed', 'leastChunkTokens', 'decoys', 'relevant'];

async function trainedOf(run: ComparisonRun): Promise<Trained[]> {
  const { method, seed, training } = run;
  if (training === undefined || !(await isTrained(run))) return [];
  const folder = new RunFolder(training);
  const config = inPresentForm(await readJsonObject(folder.file('config'))) as RunConfig | undefined;
  const { steps } = (await readJsonObject(folder.file('finished'))) ?? {};
  if (!config?.data) return [];
  const { questions } = config.evaluation;
  const split = await folder.readSplit();
  const data = Object.entries(config.data).filter(([name]) => !OF_TRAINING.includes(name));
  const heldOut = JSON.stringify(split ? split.heldOut.slice(0, questions) : [data, questions]);
  return [{ method: method.name, seed, config, steps: typeof steps === 'number' ? steps : config.steps, heldOut }];
}

/** "12 for untrained and bm25, 6 for tamtrl" */
function valuesText(values: ReadonlyMap<string, readonly string[]>): string {
  return [...values].map(([value, methods]) => `${value} for ${[...new Set(methods)].join(' and ')}`).join(', ');
}

function grouped(pairs: readonly (readonly [string, string])[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const [value, method] of pairs) groups.set(value, [...(groups.get(value) ?? []), method]);
  return groups;
}

const shown = (value: unknown) => (value === undefined ? 'not set' : JSON.stringify(value));

/** Settings that are a row's own. */
const OF_THE_ROW = ['model', 'seed', 'data'];

/** Every setting of a reading in which two rows of a benchmark differ. */
async function readingNotes({ benchmarks }: CompareConfig, runs: readonly ComparisonRun[]): Promise<Note[]> {
  const notes: Note[] = [];
  for (const { name } of benchmarks) {
    const settings: [string, Readonly<Record<string, unknown>>][] = [];
    for (const { method, cells } of runs) {
      const cell = cells.find(({ benchmark }) => benchmark.name === name);
      const found = cell && (await isEvaluated(cell)) ? await readJsonObject(join(cell.folder, SETTINGS)) : undefined;
      if (found) settings.push([method.name, found]);
    }
    const keys = new Set(settings.flatMap(([, own]) => Object.keys(own)).filter((key) => !OF_THE_ROW.includes(key)));
    const differing = [...keys].flatMap((key) => {
      const values = grouped(settings.map(([method, own]) => [shown(own[key]), method]));
      return values.size > 1 ? [`${key} is ${valuesText(values)}`] : [];
    });
    if (differing.length > 0)
      notes.push({ text: `${name}: rows differ in how they read: ${differing.join('; ')}.`, about: [] });
  }
  return notes;
}

/** Every setting in which two trainings differ, except the seed. */
function trainingNotes(trained: readonly Trained[]): Note[] {
  if (trained.length === 0) return [];
  const [{ config: first }] = trained;
  const paths = new Set(
    trained.flatMap(({ config }) => differences(plain(first), plain(config)).map(({ path }) => path)),
  );
  const differing = [...paths]
    .filter((path) => path !== 'seed')
    .map((path) => {
      const value = (config: RunConfig) =>
        path.split('.').reduce<unknown>((here, key) => (here as Record<string, unknown> | undefined)?.[key], config);
      return `${path} is ${valuesText(grouped(trained.map(({ method, config }) => [shown(value(config)), method])))}`;
    });
  if (differing.length === 0) return [];
  return [{ text: `Trainings differ in: ${differing.join('; ')}.`, about: [] }];
}

function plain(config: RunConfig): object {
  return given(JSON.parse(JSON.stringify(config)) as object);
}

function stepNotes(trained: readonly Trained[]): Note[] {
  if (new Set(trained.map(({ steps }) => steps)).size < 2) return [];
  const most = Math.max(...trained.map(({ steps }) => steps));
  const short = trained.filter(({ steps }) => steps < most);
  const list = short.map(({ method, seed, steps }) => `${method} with seed ${seed} ${count(steps)}`).join(', ');
  return [
    {
      text: `Not all were trained for the same number of steps: up to ${count(most)}, but ${list}.`,
      about: methodsOf(short),
    },
  ];
}

function heldOutNotes(trained: readonly Trained[]): Note[] {
  const other = trained.filter(({ heldOut }) => heldOut !== trained[0].heldOut);
  if (other.length === 0) return [];
  const list = methodsOf(other)
    .map(({ method }) => method)
    .join(', ');
  return [
    {
      text: `${list} and ${trained[0].method} held out different questions: there is no figure of learning curves, and early stopping and "best" were decided on different questions.`,
      about: methodsOf(other),
    },
  ];
}

function methodsOf(list: readonly { method: string }[]): { method: string }[] {
  return [...new Set(list.map(({ method }) => method))].map((method) => ({ method }));
}

function seedNotes({ seeds, methods }: CompareConfig): Note[] {
  const trained = methods.filter(({ train }) => train !== undefined);
  if (seeds.length > 1 || trained.length === 0) return [];
  return [
    {
      text: `One seed: training was not repeated, so nobody knows how much of a difference is chance.`,
      about: trained.map(({ name }) => ({ method: name })),
    },
  ];
}

/** Records that failed, and cells that answered other records than the first of their benchmark. */
async function recordNotes(runs: readonly ComparisonRun[]): Promise<Note[]> {
  const notes: Note[] = [];
  const first = new Map<string, { method: string; ids: string }>();
  for (const { method, seed, cells } of runs) {
    for (const cell of cells) {
      if (!(await isEvaluated(cell))) continue;
      const benchmark = cell.benchmark.name;
      const lines = (await readFile(join(cell.folder, RESULTS), 'utf8')).trimEnd().split('\n');
      const results = lines.map((line) => JSON.parse(line) as { id: string; error?: string });
      const failed = results.filter(({ error }) => error !== undefined).length;
      const about = [{ method: method.name, benchmark }];
      const who = `${benchmark}: ${method.name} with seed ${seed}`;
      if (failed > 0) {
        notes.push({
          text: `${who} failed on ${count(failed)} of ${count(results.length)} records, which count as 0.`,
          about,
        });
      }
      const ids = JSON.stringify(results.map(({ id }) => id).sort());
      const known = first.get(benchmark);
      if (!known) first.set(benchmark, { method: method.name, ids });
      else if (known.ids !== ids) {
        notes.push({
          text: `${who} answered different records than ${known.method}: their scores cannot be compared, and a difference is over the records that both answered.`,
          about,
        });
      }
    }
  }
  return notes;
}
