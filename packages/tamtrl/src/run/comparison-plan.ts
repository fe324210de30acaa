/**
 * The parts of a comparison: a run for each method and seed, a cell for each run and benchmark, and the folder of
 * each. Who runs them is decided above.
 */
import { join } from 'node:path';
import { exists } from '../base/files.js';
import { readJsonObject } from '../data/files/output.js';
import { SUMMARY } from '../eval/evaluation.js';
import type { CompareBenchmark, CompareConfig, CompareMethod } from './comparison-config.js';
import { RunFolder } from './folder.js';

/** A method with a seed. */
export interface ComparisonRun {
  method: CompareMethod;
  seed: number;
  /** Folder of the training; absent for methods that are not trained. */
  training?: string;
  /** Answers the benchmarks: the model that the training ends with, or the model as it is. */
  model: string;
  cells: ComparisonCell[];
}

/** A run on a benchmark. */
export interface ComparisonCell {
  benchmark: CompareBenchmark;
  /** Folder of the evaluation. */
  folder: string;
  /** JSONL of question records. */
  data: string;
}

/** Folders of a comparison's parts, in its own folder. */
const DATA = 'data';
export const TRAINING = 'training';
export const EVALUATION = 'evaluation';
export const PART_FOLDERS: readonly string[] = [DATA, TRAINING, EVALUATION];

/** All runs, seed by seed, so that an interrupted comparison has whole rows. Touches no file. */
export function comparisonRuns(config: CompareConfig): ComparisonRun[] {
  return config.seeds.flatMap((seed, at) =>
    config.methods
      // Methods that are not trained answer greedily, so one seed stands for all.
      .filter(({ train }) => train !== undefined || at === 0)
      .map((method) => runOf(config, method, seed)),
  );
}

function runOf(config: CompareConfig, method: CompareMethod, seed: number): ComparisonRun {
  const name = `${config.folders.methods.get(method.name)}-${seed}`;
  const training = method.train === undefined ? undefined : join(config.out, TRAINING, name);
  const model = training === undefined ? config.model : new RunFolder(training).checkpoint('final');
  const cells = config.benchmarks.map((benchmark): ComparisonCell => {
    const folder = join(config.out, EVALUATION, `${name}-${config.folders.benchmarks.get(benchmark.name)}`);
    return { benchmark, folder, data: benchmarkData(config, benchmark) };
  });
  return { method, seed, training, model, cells };
}

/** The file that a benchmark names, or where its generated questions are kept. */
export function benchmarkData({ out, folders }: CompareConfig, { name, data }: CompareBenchmark): string {
  return typeof data === 'string' ? data : join(out, DATA, `${folders.benchmarks.get(name)}.jsonl`);
}

/** There is nothing to train, or it has ended. */
export async function isTrained({ training }: ComparisonRun): Promise<boolean> {
  return training === undefined || exists(new RunFolder(training).file('finished'));
}

/**
 * All records are answered: an evaluation writes its summary last. One of which every record failed has measured
 * nothing.
 */
export async function isEvaluated({ folder }: ComparisonCell): Promise<boolean> {
  const summary = await readJsonObject(join(folder, SUMMARY));
  return summary !== undefined && (summary.records === undefined || summary.failures !== summary.records);
}
