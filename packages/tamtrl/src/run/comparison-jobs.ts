/** What a comparison runs, and in which order: every training before the evaluations of its model. */
import { counted } from '../base/format.js';
import { Pace } from '../base/pace.js';
import type { CompareConfig } from './comparison-config.js';
import { readFailure } from './comparison-failures.js';
import { type ComparisonCell, type ComparisonRun, comparisonRuns, isEvaluated, isTrained } from './comparison-plan.js';
import type { Refusals } from './comparison-settings.js';
import { RunFolder } from './folder.js';

export interface Job {
  name: string;
  /** Runs only after this one has succeeded. */
  after?: Job;
  finished: boolean;
  /** Returns whether it has succeeded. */
  run: () => Promise<boolean>;
}

/** How the parts are run. */
export interface PartRunner {
  train: (run: ComparisonRun, folder: RunFolder) => Promise<boolean>;
  evaluate: (run: ComparisonRun, cell: ComparisonCell) => Promise<boolean>;
}

/**
 * A job for each training and each evaluation. Those whose results are in the folder are finished.
 * @param leave methods whose settings were refused
 * @param keepFailed parts that failed before are left as they are
 */
export async function comparisonJobs(
  config: CompareConfig,
  { train, evaluate }: PartRunner,
  { leave = new Map(), keepFailed }: { leave?: Refusals; keepFailed?: boolean } = {},
): Promise<Job[]> {
  const jobs: Job[] = [];
  const isKept = async (folder: string) => keepFailed === true && (await readFailure(folder)) !== undefined;
  for (const run of comparisonRuns(config)) {
    if (leave.has(run.method.name)) continue;
    const name = `${run.method.name}, seed ${run.seed}`;
    let after: Job | undefined;
    if (run.training !== undefined) {
      const folder = new RunFolder(run.training);
      const finished = await isTrained(run);
      if (!finished && (await isKept(run.training))) continue;
      after = { name: `${name}: training`, finished, run: () => train(run, folder) };
      jobs.push(after);
    }
    for (const cell of run.cells) {
      const finished = await isEvaluated(cell);
      if (!finished && (await isKept(cell.folder))) continue;
      jobs.push({ name: `${name}: ${cell.benchmark.name}`, after, finished, run: () => evaluate(run, cell) });
    }
  }
  return jobs;
}

/** "12 trainings (4 methods x 3 seeds) and 13 evaluations" */
export function plannedText(config: CompareConfig, refused: Refusals): string {
  const runs = comparisonRuns(config).filter(({ method }) => !refused.has(method.name));
  const trained = runs.filter(({ training }) => training !== undefined);
  const methods = new Set(trained.map(({ method }) => method.name)).size;
  const seeds = counted(config.seeds.length, 'seed');
  const trainings = `${counted(trained.length, 'training')} (${counted(methods, 'method')} x ${seeds})`;
  return `${trainings} and ${counted(runs.flatMap(({ cells }) => cells).length, 'evaluation')}`;
}

export interface JobsOptions {
  /** Jobs that run at the same time. */
  workers: number;
  /** No job begins any more; those that run are waited for. */
  signal: AbortSignal;
  onBegin?: (job: Job) => void;
  /** @param at jobs ended so far, of how many, and seconds that the others will take */
  onEnd?: (job: Job, at: { done: number; total: number; left: number }) => void;
}

/**
 * Runs the jobs that are not finished, and those that wait for a job only if that one succeeds.
 * @throws what a job throws.
 */
export async function runJobs(jobs: readonly Job[], options: JobsOptions): Promise<void> {
  const { workers, signal, onBegin, onEnd } = options;
  const waiting = jobs.filter(({ finished }) => !finished);
  const total = waiting.length;
  const pace = new Pace();
  const running = new Set<Promise<void>>();
  let done = 0;
  const runOne = async (job: Job): Promise<void> => {
    job.finished = await job.run();
    done++;
    onEnd?.(job, { done, total, left: pace.left(done, total - done) });
  };
  const work = async (): Promise<void> => {
    while (waiting.length > 0 && !signal.aborted) {
      const at = waiting.findIndex(({ after }) => !after || after.finished);
      if (at < 0) {
        // The remaining jobs wait for a training that another worker runs, or that failed.
        if (running.size === 0) return;
        await Promise.race(running);
        continue;
      }
      const [job] = waiting.splice(at, 1);
      onBegin?.(job);
      const task = runOne(job);
      running.add(task);
      await task.finally(() => running.delete(task));
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
}
