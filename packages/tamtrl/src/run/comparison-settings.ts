/** The settings of a comparison's parts, as its file gives them: checked before anything runs. */
import { stat } from 'node:fs/promises';
import { readRecords } from '../data/records.js';
import { type ReadingSettings, readingOf } from '../memory/reading-settings.js';
import { lackingFor } from '../reward/outcome.js';
import { checkCombinations } from '../train/combinations.js';
import type { RunConfig } from '../train/config.js';
import { TrainError } from '../train/errors.js';
import type { CompareConfig, CompareMethod } from './comparison-config.js';
import { RunError } from './errors.js';
import { findRecipe } from './recipes.js';
import { type Given, mergeSettings, trainSettings } from './settings.js';
import type { YamlFile } from './yaml-file.js';

type Files = Pick<Given, 'files'>;

/** Settings of a training that the comparison itself says, and where. */
const OWN = { seed: 'seeds', model: 'model', method: 'train (of a method)', preset: 'preset' } as const;

/** The whole configuration of a training. @throws RunError with line and column of the comparison's file. */
export async function trainingConfig(
  config: CompareConfig,
  method: CompareMethod,
  seed: number,
  files: Files = {},
): Promise<RunConfig> {
  const file = settingsFile(config, method, ['methods', method.at, 'settings']);
  return (await trainSettings({ model: config.model, seed }, { file, ...files })).config;
}

/**
 * The settings file of a method's trainings: what the method's name stands for is above the shared settings, and below
 * the method's own, so that they can be swept. A flag --method would be above both.
 */
export function methodFile(
  config: CompareConfig,
  method: Pick<CompareMethod, 'settings' | 'train'>,
): Record<string, unknown> {
  const { settings = {}, train: name } = method;
  if (name === undefined) return trainingFile(config, method);
  const { method: _, ...patch } = findRecipe(name)?.patch ?? {};
  const shared = mergeSettings(trainingFile(config, {}), patch);
  return { ...mergeSettings(shared, settings), method: name };
}

/** What the comparison's file says of a method's trainings: the shared settings, and its own above them. */
export function trainingFile(
  config: CompareConfig,
  { settings = {} }: Pick<CompareMethod, 'settings'>,
): Record<string, unknown> {
  const { preset, train = {} } = config;
  return { ...(preset === undefined ? {} : { preset }), ...mergeSettings(train, settings) };
}

/**
 * How methods read that are not trained: as the trainings do that they are compared with; undefined if nothing is
 * trained.
 */
export async function sharedReading(config: CompareConfig, files: Files = {}): Promise<ReadingSettings | undefined> {
  if (config.methods.every(({ train }) => train === undefined)) return undefined;
  const file = settingsFile(config, {}, []);
  const [seed] = config.seeds;
  return readingOf((await trainSettings({ model: config.model, seed }, { file, ...files })).config);
}

/** Combinations of swept settings that make no sense, by name, and why. */
export type Refusals = ReadonlyMap<string, string>;

/**
 * Every method's settings and every benchmark's file. Combinations of swept settings that clash are left out if another
 * one of the same method does not.
 * @throws RunError with a line for each thing that is wrong.
 */
export async function checkSettings(config: CompareConfig): Promise<Refusals> {
  const problems = ownSettings(config);
  const clashing = new Map<CompareMethod, string>();
  const accepted = new Set<string>();
  for (const method of config.methods) {
    if (method.train === undefined) continue;
    try {
      const training = await trainingConfig(config, method, config.seeds[0]);
      checkCombinations(training, { name: training.method });
      if (method.variant) accepted.add(method.variant.of);
    } catch (error) {
      if (RunError.isInstance(error)) problems.push(...error.message.split('\n'));
      else if (TrainError.isInstance(error)) clashing.set(method, error.message);
      else throw error;
    }
  }
  const left = new Map<string, string>();
  for (const [{ name, at, variant }, message] of clashing) {
    const lines = message.split('\n');
    if (variant && accepted.has(variant.of)) left.set(name, lines.join(' '));
    else problems.push(...lines.map((line) => `${config.source.place(['methods', at])}: ${line}`));
  }
  problems.push(...(await missingBenchmarks(config)));
  // What all methods share is wrong for each of them.
  if (problems.length > 0) throw new RunError('settings', [...new Set(problems)].join('\n'));
  return left;
}

/** The settings of one method, as if they stood in a file of their own. */
function settingsFile(
  config: CompareConfig,
  method: Pick<CompareMethod, 'settings' | 'train' | 'variant'>,
  place: readonly PropertyKey[],
): YamlFile {
  const { source } = config;
  const pathOf = (path: readonly PropertyKey[], part?: 'key' | 'value'): PropertyKey[] => {
    if (path[0] === 'preset' || path[0] === 'model') return [...path];
    const swept = method.variant?.values.find((value) => startsWith(path, value.path));
    if (swept) {
      const below = path.slice(swept.path.length);
      return part === 'key' && below.length === 0 ? swept.place.slice(0, -1) : [...swept.place, ...below];
    }
    const inOwn = [...place, ...path];
    if (place.length > 0 && source.has(inOwn)) return inOwn;
    const shared = ['train', ...path];
    const holder = method.variant?.values.find((value) => startsWith(value.path, path));
    return holder && !source.has(shared) ? [...holder.place] : shared;
  };
  return {
    path: source.path,
    settings: methodFile(config, method),
    flags: false,
    has: (path) => source.has(pathOf(path)),
    place: (path, part) => source.place(pathOf(path, part), part),
  };
}

function startsWith(path: readonly PropertyKey[], start: readonly PropertyKey[]): boolean {
  return start.every((key, at) => path[at] === key);
}

/** Settings that would be overruled silently. */
function ownSettings({ source, train = {}, methods }: CompareConfig): string[] {
  const trees = [
    { place: ['train'] as PropertyKey[], settings: train },
    ...methods.map(({ settings = {}, at }) => ({ place: ['methods', at, 'settings'] as PropertyKey[], settings })),
  ];
  return trees.flatMap(({ place, settings }) =>
    Object.entries(OWN)
      .filter(([name]) => name in settings)
      .map(([name, where]) => `${source.place([...place, name], 'key')}: in a comparison, ${name} is set by ${where}.`),
  );
}

/** The first record that lacks what the metric of its benchmark needs: found before hours of training. */
async function unscorable({ source, benchmarks }: CompareConfig, at: number): Promise<string[]> {
  const { data, metric, questions } = benchmarks[at];
  if (metric === undefined || typeof data !== 'string') return [];
  let left = questions;
  for await (const record of readRecords(data)) {
    if (left-- === 0) break;
    const lacking = lackingFor(metric, record);
    if (lacking === undefined) continue;
    const place = source.place(['benchmarks', at, 'metric']);
    return [
      `${place}: record ${JSON.stringify(record.id)} of ${data} cannot be scored by ${metric}, which needs ${lacking}. Leave metric out, and each record is scored by its own.`,
    ];
  }
  return [];
}

async function missingBenchmarks(config: CompareConfig): Promise<string[]> {
  const { source, benchmarks } = config;
  const problems: string[] = [];
  for (const [at, { data }] of benchmarks.entries()) {
    if (typeof data !== 'string') continue;
    const found = await stat(data).catch(() => undefined);
    if (found?.isFile()) {
      problems.push(...(await unscorable(config, at)));
      continue;
    }
    const what = found ? 'a folder' : 'nothing';
    problems.push(
      `${source.place(['benchmarks', at, 'data'])}: expected a JSONL file of question records at ${data}, found ${what}.`,
    );
  }
  return problems;
}
