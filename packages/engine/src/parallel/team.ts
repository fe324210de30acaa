/**
 * Data parallelism for small models: operators on a few thousand numbers gain little from a second thread, or lose, but
 * different sequences need nothing of each other. So every thread computes alone, with a copy of the weights: the
 * calling one, and replicas.
 */
import type { GenerateRequest, Sample } from '../api.js';
import type { ModelConfig } from '../models/config.js';
import type { ParameterSet } from '../models/parameters.js';
import { type RunOptions, RunSets } from '../runs.js';
import { treatDenormalsAsZero } from '../runtime/onnx.js';
import { type GenerateCall, seedsOf } from '../sampling/sequences.js';
import type { BatchInputs } from '../training/batch-inputs.js';
import type { BatchResult } from '../training/executor.js';
import type { Gradients } from '../training/gradients.js';
import type { BatchesDone, BatchesTask, GenerateTask, WeightsKey } from './protocol.js';
import { Replica } from './replica.js';
import { assign, divideRequests } from './shares.js';

/** Weights, and how replicas know them. */
export interface KeyedWeights extends WeightsKey {
  weights: ParameterSet;
}

/** How often a thread that waits for replicas looks whether the caller has cancelled, in milliseconds. */
const POLL = 20;

export interface SharedRun {
  /** Number of threads. */
  shares: number;
  throwIfCancelled: () => void;
  /** Called with the number of each micro-batch that is finished. */
  onFinished: (index: number) => void;
}

type Report = (value: unknown) => void;

/** One share of a call, on a thread of its own. */
interface Share<Result> {
  task: BatchesTask | GenerateTask;
  take: (result: Result) => void;
  onProgress: Report;
}

export class Team {
  readonly runs: RunSets;
  readonly #stop = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #replicas: Replica[];

  /** @param threads that compute, the calling one among them; above 1, `options` are those of each */
  constructor(
    config: ModelConfig,
    options: RunOptions,
    readonly threads: number,
  ) {
    this.runs = new RunSets(config, options);
    const data = { config, options, stop: this.#stop.buffer as SharedArrayBuffer };
    this.#replicas = Array.from({ length: threads - 1 }, () => new Replica(data));
  }

  /**
   * Runs micro-batches on `shares` threads. Gradients are added up in the same order each time.
   *
   * @param inputs one for each of `costs`
   * @returns the results of all batches
   */
  async run(
    of: KeyedWeights,
    costs: readonly number[],
    inputs: (index: number) => BatchInputs,
    gradients: Gradients,
    { shares, throwIfCancelled, onFinished }: SharedRun,
  ): Promise<BatchResult[]> {
    const results = new Array<BatchResult>(costs.length);
    const sums: ParameterSet[] = [];
    const [own, ...others] = assign(costs, shares);
    const tasks = others.map(
      (indices, number): Share<BatchesDone> => ({
        task: { kind: 'batches', inputs: indices.map(inputs) },
        take: (done) => {
          for (const [at, index] of indices.entries()) results[index] = done.results[at];
          sums[number] = done.gradients;
        },
        onProgress: (finished) => onFinished(indices[(finished as number) - 1]),
      }),
    );
    await this.#together(of, tasks, throwIfCancelled, async (check) => {
      const { executor } = this.runs.of(of.adapted);
      for (const index of own) {
        check();
        results[index] = await executor.run(of.weights, inputs(index), gradients, check);
        onFinished(index);
      }
    });
    for (const sum of sums) for (const [name, data] of sum) gradients.add(name, data);
    return results;
  }

  /** @param fixed see `Generator.generate` */
  async generate(
    of: KeyedWeights,
    requests: readonly GenerateRequest[],
    options: GenerateCall,
    throwIfCancelled: () => void,
    fixed: number | undefined,
  ): Promise<Sample[][]> {
    const { onProgress, ...plain } = options;
    const ends = this.threads > 1 ? divideRequests(requests, options, this.threads) : [requests.length];
    const { generator } = this.runs.of(of.adapted);
    if (ends.length === 1) return generator.generate(of, requests, options, throwIfCancelled, fixed);
    if (plain.maxBatch !== undefined) plain.maxBatch = Math.floor(plain.maxBatch / ends.length);
    const seeds = seedsOf(requests, options.seed);
    const seeded = requests.map((request, index) => ({ ...request, seed: seeds[index] }));
    const progress = ends.map((end, share) => {
      const total = requests.slice(ends[share - 1] ?? 0, end).reduce((sum, { samples = 1 }) => sum + samples, 0);
      return { finished: 0, total, tokens: 0 };
    });
    const reportOf = (share: number): Report | undefined => {
      if (!onProgress) return undefined;
      return (value) => {
        progress[share] = value as (typeof progress)[number];
        const sum = (of: 'finished' | 'total' | 'tokens') => progress.reduce((total, part) => total + part[of], 0);
        onProgress({ finished: sum('finished'), total: sum('total'), tokens: sum('tokens') });
      };
    };
    const samples: Sample[][][] = [];
    const tasks = ends.slice(1).map(
      (end, index): Share<Sample[][]> => ({
        task: { kind: 'generate', requests: seeded.slice(ends[index], end), options: plain, first: ends[index], fixed },
        take: (result) => {
          samples[index + 1] = result;
        },
        onProgress: reportOf(index + 1) ?? (() => {}),
      }),
    );
    await this.#together(of, tasks, throwIfCancelled, async (check) => {
      const call = { ...plain, onProgress: reportOf(0) };
      samples[0] = await generator.generate(of, seeded.slice(0, ends[0]), call, check, fixed);
    });
    return samples.flat();
  }

  async close(): Promise<void> {
    await this.runs.release();
    await Promise.all(this.#replicas.map((replica) => replica.close()));
  }

  /**
   * Runs shares on replicas while this thread does its own. If one fails, the others end too, and the first error of
   * the first share that has one is thrown.
   */
  async #together<Result>(
    of: KeyedWeights,
    shares: readonly Share<Result>[],
    throwIfCancelled: () => void,
    own: (check: () => void) => Promise<void>,
  ): Promise<void> {
    if (shares.length === 0) return own(throwIfCancelled);
    await treatDenormalsAsZero();
    Atomics.store(this.#stop, 0, 0);
    const stop = () => void Atomics.store(this.#stop, 0, 1);
    const errors: unknown[] = [];
    const failed = (share: number) => (error: unknown) => {
      // Those that end because another has failed say nothing new.
      if (Atomics.load(this.#stop, 0) === 0) errors[share] = error;
      stop();
    };
    const check = () => {
      throwIfCancelled();
      if (Atomics.load(this.#stop, 0) !== 0) throw errors.find((error) => error !== undefined);
    };
    const running = shares.map(({ task, take, onProgress }, index) =>
      this.#replicas[index]
        .run<Result>({ key: of.key, adapted: of.adapted, ...task }, of.weights, onProgress)
        .then(take)
        .catch(failed(index + 1)),
    );
    await own(check).catch(failed(0));
    const poll = setInterval(() => {
      try {
        throwIfCancelled();
      } catch (error) {
        failed(0)(error);
      }
    }, POLL);
    await Promise.all(running);
    clearInterval(poll);
    const error = errors.find((found) => found !== undefined);
    if (error !== undefined) throw error;
  }
}
