/** The settings of a comparison's parts, as its file gives them: checked before anything runs. */
import { stat } from 'node:fs/promises';
import { readRecords } from '../data/records.js';
import { type ReadingSettings, readingOf } from '../memory/reading-settings.js';
import { lackingFor } from '../reward/outcome.js';
import type { RunConfig } from '../train/config.js';
import type { CompareConfig, CompareMethod } from './comparison-config.js';
import { RunError } from './errors.js';
import { type Given, mergeSettings, trainSettings } from './settings.js';
import type { YamlFile } from './yaml-file.js';

type Files = Pick<Given, 'files'>;

/** Settings of a training that the comparison itself says, and where. */
const OWN = { seed: 'seeds', model: 'model', method: 'train (of a method)', preset: 'preset' } as const;

/** The whole configuration of a training. @throws RunError with line and column of the comparison's file. */
export async function trainingConfig(
  config: CompareConfig,
  { name, train }: CompareMethod,
  seed: number,
  files: Files = {},
): Promise<RunConfig> {
  const at = config.methods.findIndex((each) => each.name === name);
  const file = settingsFile(config, config.methods[at], ['methods', at, 'settings']);
  return (await trainSettings({ method: train, model: config.model, seed }, { file, ...files })).config;
}

/** What the settings file of a method's trainings holds: the shared settings, and its own above them. */
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

/** Every method's settings and every benchmark's file. @throws RunError with a line for each thing that is wrong. */
export async function checkSettings(config: CompareConfig): Promise<void> {
  const problems = ownSettings(config);
  for (const method of config.methods) {
    if (method.train === undefined) continue;
    await trainingConfig(config, method, config.seeds[0]).catch((error: unknown) => {
      if (!RunError.isInstance(error)) throw error;
      problems.push(...error.message.split('\n'));
    });
  }
  problems.push(...(await missingBenchmarks(config)));
  // What all methods share is wrong for each of them.
  if (problems.length > 0) throw new RunError('settings', [...new Set(problems)].join('\n'));
}

/** The settings of one method, as if they stood in a file of their own. */
function settingsFile(
  config: CompareConfig,
  method: Pick<CompareMethod, 'settings'>,
  place: readonly PropertyKey[],
): YamlFile {
  const { source } = config;
  const pathOf = (path: readonly PropertyKey[]): PropertyKey[] => {
    if (path[0] === 'preset' || path[0] === 'model') return [...path];
    const inOwn = [...place, ...path];
    return place.length > 0 && source.has(inOwn) ? inOwn : ['train', ...path];
  };
  return {
    path: source.path,
    settings: trainingFile(config, method),
    flags: false,
    has: (path) => source.has(pathOf(path)),
    place: (path, part) => source.place(pathOf(path), part),
  };
}

/** Settings that would be overruled silently. */
function ownSettings({ source, train = {}, methods }: CompareConfig): string[] {
  const trees = [
    { place: ['train'] as PropertyKey[], settings: train },
    ...methods.map(({ settings = {} }, at) => ({ place: ['methods', at, 'settings'] as PropertyKey[], settings })),
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
