/** What a reader of a comparison's tables has to know of the runs and cells behind the numbers. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { count } from '../base/format.js';
import { differences, given } from '../base/objects.js';
import { readJsonObject } from '../data/files/output.js';
import { RESULTS, SETTINGS } from '../eval/evaluation.js';
import { inPresentForm, type RunConfig } from '../train/config.js';
import type { CompareConfig } from './comparison-config.js';
import { type FailedPart, failedParts } from './comparison-failures.js';
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
  /** Parts without a result, and why. */
  failed: FailedPart[];
  /** All trainings hold out the same questions, so that their learning curves can be compared. */
  sameHeldOut: boolean;
}

export async function factsOf(config: CompareConfig): Promise<Facts> {
  const runs = comparisonRuns(config);
  const trained: Trained[] = [];
  for (const run of runs) trained.push(...(await trainedOf(run)));
  const heldOut = heldOutNotes(trained);
  const failed = await failedParts(config);
  const notes = [
    ...failureNotes(failed),
    ...(await readingNotes(config, runs)),
    ...trainingNotes(config, trained),
    ...stepNotes(trained),
    ...heldOut,
    ...seedNotes(config),
    ...(await recordNotes(runs)),
  ];
  return { notes, failed, sameHeldOut: heldOut.length === 0 };
}

/** What failed, and why: methods and seeds that failed for the same reason in a sentence. */
function failureNotes(failed: readonly FailedPart[]): Note[] {
  const groups = new Map<string, FailedPart[]>();
  for (const part of failed) {
    const { run, benchmark, reason, refused } = part;
    const key = JSON.stringify([run.method.name, benchmark, reason, refused]);
    groups.set(key, [...(groups.get(key) ?? []), part]);
  }
  return [...groups.values()].map((parts) => {
    const [{ run, benchmark, reason, refused }] = parts;
    const method = run.method.name;
    const seeds = parts.map((part) => part.run.seed);
    const who = `${method}${seeds.length > 1 ? ` with seeds ${seeds.join(', ')}` : ` with seed ${seeds[0]}`}`;
    const what = benchmark === undefined ? 'training failed' : `the evaluation on ${benchmark} failed`;
    const text = refused ? `${method} was left out: ${reason}` : `${who}: ${what}: ${reason}`;
    return { text, about: [{ method, ...(benchmark !== undefined && { benchmark }) }] };
  });
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
const OF_TRAINING: readonly string[] = [
  'trainingSeed',
  'leastChunkTokens',
  'decoys',
  'nearFacts',
  'fragments',
  'relevant',
];

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

/** A value that so many methods have stands last, without their names. */
const MANY = 4;

/** "12 for untrained and bm25, 6 for tamtrl", or "false for no min-max, true for the others" */
export function valuesText(values: ReadonlyMap<string, readonly string[]>): string {
  const groups = [...values].map(([value, methods]) => ({ value, methods: [...new Set(methods)] }));
  const most = Math.max(...groups.map(({ methods }) => methods.length));
  const others = most >= MANY ? groups.find(({ methods }) => methods.length === most) : undefined;
  const named = groups.filter((group) => group !== others);
  return [
    ...named.map(({ value, methods }) => `${value} for ${methods.join(' and ')}`),
    ...(others ? [`${others.value} for the others`] : []),
  ].join(', ');
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
async function readingNotes({ benchmarks, methods }: CompareConfig, runs: readonly ComparisonRun[]): Promise<Note[]> {
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
      const pairs = settings.map(([method, own]) => [shown(own[key]), method] as const);
      const values = grouped(together(pairs, methods));
      return values.size > 1 ? [`${key} is ${valuesText(values)}`] : [];
    });
    if (differing.length > 0)
      notes.push({ text: `${name}: rows differ in how they read: ${differing.join('; ')}.`, about: [] });
  }
  return notes;
}

/** Every setting in which two trainings differ, except the seed and what is swept, which the table of sweeps shows. */
function trainingNotes({ methods }: CompareConfig, trained: readonly Trained[]): Note[] {
  if (trained.length === 0) return [];
  const [{ config: first }] = trained;
  const paths = new Set(
    trained.flatMap(({ config }) => differences(plain(first), plain(config)).map(({ path }) => path)),
  );
  const swept = methods.flatMap(({ variant }) => variant?.values.map(({ path }) => path.join('.')) ?? []);
  const isSwept = (path: string) => swept.some((each) => path === each || path.startsWith(`${each}.`));
  const differing = [...paths].flatMap((path) => {
    if (path === 'seed' || isSwept(path)) return [];
    const value = (config: RunConfig) =>
      path.split('.').reduce<unknown>((here, key) => (here as Record<string, unknown> | undefined)?.[key], config);
    const pairs = trained.map(({ method, config }) => [shown(value(config)), method] as const);
    const values = grouped(together(pairs, methods));
    return [`${path} is ${valuesText(values)}`];
  });
  if (differing.length === 0) return [];
  return [{ text: `Trainings differ in: ${differing.join('; ')}.`, about: [] }];
}

/** The combinations of a sweep that all have the same value, under the name of the swept method. */
function together(
  pairs: readonly (readonly [string, string])[],
  methods: CompareConfig['methods'],
): (readonly [string, string])[] {
  const ofSweep = new Map(methods.map(({ name, variant }) => [name, variant?.of]));
  return pairs.map(([value, method]) => {
    const of = ofSweep.get(method);
    const isCommon = pairs.every(([other, name]) => ofSweep.get(name) !== of || other === value);
    return [value, of !== undefined && isCommon ? of : method] as const;
  });
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
