/**
 * Runs the cells of a comparison, each in a process of its own, and makes the tables. A cell that is finished is not run again; one that was
 * broken off goes on.
 */
import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { exists, writeWhole } from '../../base/files.js';
import { duration } from '../../base/format.js';
import { writeRecords } from '../../data/files/writer.js';
import { miniExample, toRecord } from '../../data/mini/task.js';
import { requireNamedServer } from '../../models/hosts.js';
import { serverOf } from '../../models/spec.js';
import { writeTables } from '../../report/comparison-page.js';
import { markFolder, requireComparisonFolder } from '../../run/comparison-folder.js';
import type { CompareBenchmark, CompareConfig, CompareMethod } from '../../run/comparison-plan.js';
import { readRun } from '../../run/info.js';
import { EXIT } from '../terminal/errors.js';
import type { Io } from '../terminal/io.js';
import type { CompareFlags } from './compare.js';

/** The same from src/cli (tests run on what was built) and from dist/cli. */
const EXECUTABLE = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

export interface Run {
  method: CompareMethod;
  seed: number;
  /** Folder of the training; absent for methods that are not trained. */
  training?: string;
}

/** Methods that are not trained answer greedily, so one seed stands for all. */
export function runsOf(config: CompareConfig): Run[] {
  // Seeds outside: a comparison that is broken off has whole rows.
  return config.seeds.flatMap((seed, at) =>
    config.methods.flatMap((method): Run[] => {
      if (method.train !== undefined)
        return [{ method, seed, training: join(config.out, 'training', `${slug(method.name)}-${seed}`) }];
      return at === 0 ? [{ method, seed }] : [];
    }),
  );
}

export function evaluationFolder({ out }: CompareConfig, { method, seed }: Run, { name }: CompareBenchmark): string {
  return join(out, 'evaluation', `${slug(method.name)}-${seed}-${slug(name)}`);
}

export const slug = (name: string) => name.toLowerCase().replaceAll(/[^\p{L}\p{N}.]+/gu, '-');

/** What every cell's process needs beside its own arguments. */
interface Surroundings {
  /** Servers that the user has named: `--allow-host HOST …` */
  hosts: readonly string[];
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
  const { allowHost = [] } = flags;
  const origin = serverOf(config.model);
  // Cells name the model on their command line, where it counts as the user's word.
  if (origin !== undefined && !flags.tablesOnly)
    requireNamedServer({ origin, place: `${config.file}: model` }, allowHost);
  await requireComparisonFolder(config.out);
  await mkdir(config.out, { recursive: true });
  await markFolder(config.out);
  const hosts = allowHost.flatMap((host) => ['--allow-host', host]);
  if (!flags.tablesOnly) await runJobs(await jobsOf(config, { hosts, io, signal }), flags.jobs, io, signal);
  const { complete, text, summary } = await writeTables(config);
  if (flags.json) io.out(`${JSON.stringify(summary)}\n`);
  else io.out(`\n${text}\nTables  ${config.out}\n`);
  return complete;
}

async function jobsOf(config: CompareConfig, around: Surroundings): Promise<Job[]> {
  const jobs: Job[] = [];
  const data = new Map<string, string>();
  for (const benchmark of config.benchmarks) data.set(benchmark.name, await dataOf(config, benchmark));
  for (const run of runsOf(config)) {
    const { method, seed, training } = run;
    let trained: Job | undefined;
    if (training !== undefined) {
      trained = {
        name: `${method.name}, seed ${seed}: training`,
        finished: await exists(join(training, 'train.json')),
        run: () => train(config, method, seed, training, around),
      };
      jobs.push(trained);
    }
    for (const benchmark of config.benchmarks) {
      const folder = evaluationFolder(config, run, benchmark);
      const model = training === undefined ? config.model : join(training, 'checkpoints/final');
      jobs.push({
        name: `${method.name}, seed ${seed}: ${benchmark.name}`,
        ...(trained ? { after: trained } : {}),
        finished: await exists(join(folder, 'summary.json')),
        run: () => evaluate(config, run, benchmark, { folder, model, data: data.get(benchmark.name)! }, around),
      });
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
      const at = waiting.findIndex(({ after }) => !after || after.finished || !jobs.includes(after));
      if (signal.aborted || waiting.length === 0) return;
      if (at < 0) {
        // What is left waits for a training that another worker has in hand, or that failed.
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

async function dataOf({ out }: CompareConfig, { name, data, questions }: CompareBenchmark): Promise<string> {
  if (typeof data === 'string') return data;
  const path = join(out, 'data', `${slug(name)}.jsonl`);
  if (await exists(path)) return path;
  const { chunks, facts, queries, seed } = data;
  const task = { chunks, factsPerChunk: facts, queries };
  await writeRecords(
    path,
    Array.from({ length: questions }, (_, index) => toRecord(miniExample(task, seed, index))),
  );
  return path;
}

async function train(
  config: CompareConfig,
  method: CompareMethod,
  seed: number,
  folder: string,
  { hosts, io, signal }: Surroundings,
): Promise<boolean> {
  await mkdir(join(config.out, 'training'), { recursive: true });
  const settings = `${folder}.yaml`;
  await writeFile(settings, stringify({ ...config.train, ...method.settings }));
  const begun = await readRun(folder).then(
    () => true,
    () => false,
  );
  const fresh = [
    ...(config.preset === undefined ? [] : ['--preset', config.preset]),
    ...[
      '--config',
      settings,
      '--method',
      method.train!,
      '--model',
      config.model,
      '--seed',
      String(seed),
      '--out',
      folder,
    ],
  ];
  const { code, out } = await child(
    ['train', ...(begun ? ['--resume', folder] : fresh), ...hosts, '--json'],
    `${folder}.log`,
    signal,
  );
  if (code !== EXIT.success) return told(code, `${folder}.log`, io);
  await writeWhole(join(folder, 'train.json'), out);
  return true;
}

async function evaluate(
  config: CompareConfig,
  { method, seed }: Run,
  benchmark: CompareBenchmark,
  { folder, model, data }: { folder: string; model: string; data: string },
  { hosts, io, signal }: Surroundings,
): Promise<boolean> {
  await mkdir(join(config.out, 'evaluation'), { recursive: true });
  const limits = ['chunkTokens', 'memoryTokens', 'answerTokens', 'questionTokens', 'contextTokens'] as const;
  const { code } = await child(
    [
      ...['eval', '--model', model, '--data', data, '--reader', method.reader, '--out', folder, '--json'],
      ...hosts,
      ...['--limit', String(benchmark.questions), '--seed', String(seed), '--concurrency', String(config.concurrency)],
      ...limits.flatMap((name) => {
        const value = benchmark[name];
        return value === undefined ? [] : [`--${name.replace('T', '-t')}`, String(value)];
      }),
      ...((await exists(join(folder, 'settings.json'))) ? ['--resume'] : []),
    ],
    `${folder}.log`,
    signal,
  );
  return code === EXIT.success || told(code, `${folder}.log`, io);
}

async function told(code: number | null, log: string, io: Io): Promise<false> {
  if (code === EXIT.interrupted) return false;
  const last = (await readFile(log, 'utf8').catch(() => '')).trimEnd().split('\n').at(-1);
  io.err(`It ended with code ${code}: ${last}\nAll that it said is in ${log}.\n`);
  return false;
}

/** A process of this program; what it says goes to a log, its stdout comes back. An abort asks it to save and end. */
async function child(
  args: readonly string[],
  log: string,
  signal: AbortSignal,
): Promise<{ code: number | null; out: string }> {
  const process_ = spawn(process.execPath, [EXECUTABLE, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = () => process_.kill('SIGINT');
  signal.addEventListener('abort', stop, { once: true });
  let out = '';
  let err = '';
  process_.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  process_.stderr.setEncoding('utf8').on('data', (text: string) => {
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
