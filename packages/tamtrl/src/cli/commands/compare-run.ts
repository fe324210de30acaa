/**
 * Runs the missing parts of a comparison, each training and each evaluation in a separate process, and makes the
 * tables. A part that is finished is not run again; one that was interrupted continues.
 */
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
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
import { requireUnseenBenchmarks } from '../../run/comparison-leaks.js';
import { requestOf, requireSameParts, writeCellRecord, writeGenerated } from '../../run/comparison-parts.js';
import {
  type ComparisonCell,
  type ComparisonRun,
  comparisonRuns,
  isEvaluated,
  isTrained,
} from '../../run/comparison-plan.js';
import { checkSettings, sharedReading, trainingFile } from '../../run/comparison-settings.js';
import { writeTrainingRecord } from '../../run/comparison-trainings.js';
import { RunFolder } from '../../run/folder.js';
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

/** Arguments that the process of every part needs. */
interface Surroundings {
  /** Servers that the user has named: `--allow-host HOST …` */
  hosts: readonly string[];
  /** How methods read that are not trained. */
  reading: ReadingSettings | undefined;
  io: Io;
  signal: AbortSignal;
}

interface Job {
  name: string;
  /** Runs only after this one has succeeded. */
  after?: Job;
  finished: boolean;
  run: () => Promise<boolean>;
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
      await runJobs(await jobsOf(config, { hosts, reading, io, signal }), flags.jobs, io, signal);
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

async function jobsOf(config: CompareConfig, around: Surroundings): Promise<Job[]> {
  const jobs: Job[] = [];
  for (const run of comparisonRuns(config)) {
    const { method, seed, training } = run;
    const name = `${method.name}, seed ${seed}`;
    let after: Job | undefined;
    if (training !== undefined) {
      const folder = new RunFolder(training);
      const finished = await isTrained(run);
      after = { name: `${name}: training`, finished, run: () => train(config, run, folder, around) };
      jobs.push(after);
    }
    for (const cell of run.cells) {
      const finished = await isEvaluated(cell);
      const evaluation = () => evaluate(config, run, cell, around);
      jobs.push({ name: `${name}: ${cell.benchmark.name}`, after, finished, run: evaluation });
    }
  }
  return jobs;
}

async function runJobs(jobs: readonly Job[], workers: number, io: Io, signal: AbortSignal): Promise<void> {
  const waiting = jobs.filter(({ finished }) => !finished);
  if (waiting.length < jobs.length)
    io.err(`${jobs.length - waiting.length} of ${jobs.length} parts are finished already.\n`);
  const started = performance.now();
  const total = waiting.length;
  let done = 0;
  const work = async () => {
    for (;;) {
      const at = waiting.findIndex(({ after }) => !after || after.finished);
      if (signal.aborted || waiting.length === 0) return;
      if (at < 0) {
        // The remaining jobs wait for a training that another worker runs, or that failed.
        if (!running.size) return;
        await Promise.race(running);
        continue;
      }
      const [job] = waiting.splice(at, 1);
      io.err(`${job.name} …\n`);
      const task = job.run().then((ok) => {
        job.finished = ok;
        done++;
        const left = ((performance.now() - started) / done / 1000) * (total - done);
        if (!signal.aborted)
          io.err(`${job.name}: ${ok ? 'done' : 'FAILED'}; ${done} of ${total}, about ${duration(left)} left\n`);
      });
      running.add(task);
      await task.finally(() => running.delete(task));
    }
  };
  const running = new Set<Promise<void>>();
  await Promise.all(Array.from({ length: workers }, work));
}

async function train(
  config: CompareConfig,
  run: ComparisonRun,
  folder: RunFolder,
  { hosts, io, signal }: Surroundings,
): Promise<boolean> {
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
  const { code, out } = await child(['train', ...flags, ...hosts, '--json'], `${path}.log`, signal);
  if (code !== EXIT.success) return explained(code, `${path}.log`, io);
  await writeWhole(folder.file('finished'), out);
  return true;
}

async function evaluate(
  config: CompareConfig,
  run: ComparisonRun,
  cell: ComparisonCell,
  { hosts, reading, io, signal }: Surroundings,
): Promise<boolean> {
  const { folder } = cell;
  await makeFolder(dirname(folder));
  await writeCellRecord(config, run, cell, reading);
  const { data, ...request } = requestOf(run, cell, reading);
  const args = ['eval', '--data', ...data, ...flagsOf(request), '--out', folder, '--json', ...hosts];
  args.push('--concurrency', String(config.concurrency));
  if (await exists(join(folder, SETTINGS))) args.push('--resume');
  const { code } = await child(args, `${folder}.log`, signal);
  return code === EXIT.success || explained(code, `${folder}.log`, io);
}

/** "--chunk-tokens 6 --no-thinking" */
function flagsOf(request: object): string[] {
  return Object.entries(given(request)).flatMap(([name, value]) => {
    const flag = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    if (typeof value === 'boolean') return [value ? `--${flag}` : `--no-${flag}`];
    return [`--${flag}`, String(value)];
  });
}

/** Says why a part failed. An interruption needs no word. */
async function explained(code: number | null, log: string, io: Io): Promise<false> {
  if (code === EXIT.interrupted) return false;
  const last = (await readFile(log, 'utf8').catch(() => '')).trimEnd().split('\n').at(-1);
  io.err(`It ended with code ${code}: ${last}\nIts whole output is in ${log}.\n`);
  return false;
}

/**
 * A process of this program: its stderr goes to a log, and its stdout is returned. An abort asks it to save and end.
 */
async function child(
  args: readonly string[],
  log: string,
  signal: AbortSignal,
): Promise<{ code: number | null; out: string }> {
  // The channel breaks when this process dies, however it does, and the part ends with it.
  const process_ = spawn(process.execPath, [EXECUTABLE, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, [PART_VARIABLE]: '1' },
  });
  const stop = () => process_.kill('SIGINT');
  signal.addEventListener('abort', stop, { once: true });
  let out = '';
  let err = '';
  process_.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  process_.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  try {
    const code = await new Promise<number | null>((resolve, reject) =>
      process_.on('error', reject).on('close', resolve),
    );
    await writeFile(log, err);
    return { code, out };
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
