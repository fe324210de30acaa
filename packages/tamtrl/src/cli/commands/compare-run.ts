/**
 * Runs the missing parts of a comparison, each training and each evaluation in a separate process, and makes the
 * tables. A part that is finished is not run again; one that was interrupted continues.
 */
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { exists, makeFolder, writeWhole } from '../../base/files.js';
import { duration } from '../../base/format.js';
import { lockFolder } from '../../base/lock.js';
import { given } from '../../base/objects.js';
import { SETTINGS } from '../../eval/evaluation.js';
import type { ReadingSettings } from '../../memory/reading-settings.js';
import { requireNamedServer } from '../../models/hosts.js';
import { serverOf } from '../../models/spec.js';
import { writeTables } from '../../report/comparison-page.js';
import type { CompareConfig } from '../../run/comparison-config.js';
import { markFolder, requireComparisonFolder } from '../../run/comparison-folder.js';
import { comparisonJobs, runJobs } from '../../run/comparison-jobs.js';
import { requireUnseenBenchmarks } from '../../run/comparison-leaks.js';
import { requestOf, requireSameParts, writeCellRecord, writeGenerated } from '../../run/comparison-parts.js';
import type { ComparisonCell, ComparisonRun } from '../../run/comparison-plan.js';
import { checkSettings, sharedReading, trainingFile } from '../../run/comparison-settings.js';
import { writeTrainingRecord } from '../../run/comparison-trainings.js';
import type { RunFolder } from '../../run/folder.js';
import { lastLine, runPart } from '../../run/part-process.js';
import { EXIT } from '../terminal/errors.js';
import type { Io } from '../terminal/io.js';
import { PART_VARIABLE } from '../terminal/parent.js';

/** The same from src/cli (tests run on what was built) and from dist/cli. */
const EXECUTABLE = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

export interface CompareFlags {
  jobs: number;
  tablesOnly?: boolean;
  json?: boolean;
  allowHost?: string[];
}

/** What every part needs. */
interface Surroundings {
  config: CompareConfig;
  /** Servers that the user has named: `--allow-host HOST …` */
  hosts: readonly string[];
  /** How methods read that are not trained. */
  reading: ReadingSettings | undefined;
  io: Io;
  signal: AbortSignal;
}

/** Returns whether every cell has been run. */
export async function runComparison(
  config: CompareConfig,
  flags: CompareFlags,
  io: Io,
  signal: AbortSignal,
): Promise<boolean> {
  const { allowHost = [], tablesOnly } = flags;
  if (!tablesOnly) {
    requireNamedModel(config, allowHost);
    await checkSettings(config);
    await requireUnseenBenchmarks(config);
  }
  await requireComparisonFolder(config.out);
  await requireSameParts(config, tablesOnly ? { files: false } : {});
  if (tablesOnly) {
    await makeFolder(config.out);
    await markFolder(config.out);
  } else {
    const unlock = await lockFolder(config.out);
    try {
      await markFolder(config.out);
      const hosts = allowHost.flatMap((host) => ['--allow-host', host]);
      await writeGenerated(config);
      const reading = await sharedReading(config);
      await runParts({ config, hosts, reading, io, signal }, flags.jobs);
    } finally {
      await unlock();
    }
  }
  const { complete, text, summary } = await writeTables(config);
  if (flags.json) io.out(`${JSON.stringify(summary)}\n`);
  else io.out(`\n${text}\nTables  ${config.out}\n`);
  return complete;
}

/** Parts name the model on their command line, where it would count as named by the user. */
function requireNamedModel({ model, file }: CompareConfig, allowHost: readonly string[]): void {
  const origin = serverOf(model);
  if (origin !== undefined) requireNamedServer({ origin, place: `${file}: model` }, allowHost);
}

async function runParts(around: Surroundings, workers: number): Promise<void> {
  const { config, io, signal } = around;
  const jobs = await comparisonJobs(config, {
    train: (run, folder) => train(run, folder, around),
    evaluate: (run, cell) => evaluate(run, cell, around),
  });
  const finished = jobs.filter((job) => job.finished).length;
  if (finished > 0) io.err(`${finished} of ${jobs.length} parts are finished already.\n`);
  await runJobs(jobs, {
    workers,
    signal,
    onBegin: ({ name }) => io.err(`${name} …\n`),
    onEnd: (job, { done, total, left }) => {
      if (signal.aborted) return;
      const end = job.finished ? 'done' : 'FAILED';
      io.err(`${job.name}: ${end}; ${done} of ${total}, about ${duration(left)} left\n`);
    },
  });
}

async function train(run: ComparisonRun, folder: RunFolder, around: Surroundings): Promise<boolean> {
  const { config } = around;
  const { method, seed } = run;
  const { path } = folder;
  await makeFolder(dirname(path));
  const settings = `${path}.yaml`;
  await writeFile(settings, stringify(trainingFile(config, method)));
  const begun = await folder.readSettings().then(
    () => true,
    () => false,
  );
  if (!begun) await writeTrainingRecord(config, run);
  const own = ['--config', settings, '--method', method.train!, '--model', config.model, '--seed', String(seed)];
  const { module } = (trainingFile(config, method).reward ?? {}) as { module?: string };
  const reward = module === undefined ? [] : ['--reward', module];
  const flags = begun ? ['--resume', path, ...reward] : [...own, '--out', path];
  const out = await outputOf(['train', ...flags], `${path}.log`, around);
  if (out === undefined) return false;
  await writeWhole(folder.file('finished'), out);
  return true;
}

async function evaluate(run: ComparisonRun, cell: ComparisonCell, around: Surroundings): Promise<boolean> {
  const { config, reading } = around;
  const { folder } = cell;
  await makeFolder(dirname(folder));
  await writeCellRecord(config, run, cell, reading);
  const { data, ...request } = requestOf(run, cell, reading);
  const args = ['eval', '--data', ...data, ...flagsOf(request), '--out', folder];
  args.push('--concurrency', String(config.concurrency));
  if (await exists(join(folder, SETTINGS))) args.push('--resume');
  return (await outputOf(args, `${folder}.log`, around)) !== undefined;
}

/** "--chunk-tokens 6 --no-thinking" */
function flagsOf(request: object): string[] {
  return Object.entries(given(request)).flatMap(([name, value]) => {
    const flag = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    if (typeof value === 'boolean') return [value ? `--${flag}` : `--no-${flag}`];
    return [`--${flag}`, String(value)];
  });
}

/** What a command of this program prints with --json; undefined if it fails, which is explained. */
async function outputOf(
  args: readonly string[],
  log: string,
  { hosts, io, signal }: Surroundings,
): Promise<string | undefined> {
  const env = { ...process.env, [PART_VARIABLE]: '1' };
  const part = { executable: EXECUTABLE, args: [...args, '--json', ...hosts], env, log, signal };
  const { code, out } = await runPart(part);
  if (code === EXIT.success) return out;
  // An interruption needs no word.
  if (code !== EXIT.interrupted) {
    io.err(`It ended with code ${code}: ${await lastLine(log)}\nIts whole output is in ${log}.\n`);
  }
  return undefined;
}
