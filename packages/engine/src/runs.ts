/** The graphs of an engine: for scoring and training, and for generation; with its adapter, and without. */
import { withoutAdapter } from './models/adapter.js';
import type { ModelConfig } from './models/config.js';
import { Generator, type GeneratorOptions } from './sampling/generator.js';
import { Executor, type ExecutorOptions } from './training/executor.js';

export type RunOptions = ExecutorOptions & GeneratorOptions;

export interface Runs {
  executor: Executor;
  generator: Generator;
}

export class RunSets {
  readonly #config: ModelConfig;
  readonly #options: RunOptions;
  readonly #sets: [Runs | undefined, Runs | undefined] = [undefined, undefined];

  constructor(config: ModelConfig, options: RunOptions) {
    this.#config = config;
    this.#options = options;
  }

  /** @param adapted whether the weights have the adapter's parameters; of no matter if the model has none */
  of(adapted: boolean): Runs {
    const isPlain = !adapted && this.#config.adapter !== undefined;
    const config = isPlain ? withoutAdapter(this.#config) : this.#config;
    const options = this.#options;
    this.#sets[+isPlain] ??= { executor: new Executor(config, options), generator: new Generator(config, options) };
    return this.#sets[+isPlain] as Runs;
  }

  async release(): Promise<void> {
    for (const runs of this.#sets) {
      await runs?.executor.release();
      await runs?.generator.release();
    }
  }
}
