/** The engine's verbs on one model, computed on the calling thread; worker/ runs this in its own thread. */
import type {
  ForwardBackwardOptions,
  ForwardBackwardResult,
  GenerateOptions,
  GenerateRequest,
  OptimStepOptions,
  OptimStepResult,
  Sample,
  ScoredRow,
  ScoreOptions,
  ScoreRow,
  TrainingRow,
} from './api.js';
import { EngineError } from './errors.js';
import type { ModelConfig } from './models/config.js';
import { tokenBias } from './models/decoder.js';
import { copyParameters, type ParameterSet, parameterCount } from './models/parameters.js';
import { defaultThreads } from './runtime/threads.js';
import { Generator, type GeneratorOptions } from './sampling/generator.js';
import { adamwStep, newOptimizerState, type OptimizerState } from './training/adamw.js';
import { AdamwThread } from './training/adamw-thread.js';
import { checkRow, checkTokens, gatherTokens, type MicroBatch } from './training/batches.js';
import { type Distribution, Executor, type ExecutorOptions } from './training/executor.js';
import { Gradients } from './training/gradients.js';
import { MetricSums } from './training/metrics.js';
import { loadCheckpoint, saveCheckpoint } from './weights/checkpoint.js';
import { type PretrainedFiles, savePretrained } from './weights/pretrained.js';

export type CoreOptions = ExecutorOptions & GeneratorOptions;

/** Throws if the caller has cancelled; called between micro-batches and decoding steps. */
export type ThrowIfCancelled = () => void;

const FLOAT32_BYTES = 4;

export class EngineCore {
  readonly #weights: ParameterSet;
  readonly #files: PretrainedFiles;
  readonly #executor: Executor;
  readonly #generator: Generator;
  readonly #thread: AdamwThread | undefined;
  readonly #gradients = new Gradients();
  /** Whether forwardBackward has run since the last step. */
  #accumulated = false;
  #optimizer: OptimizerState | undefined;
  readonly #snapshots = new Map<string, ParameterSet>();

  constructor(
    readonly config: ModelConfig,
    weights: ParameterSet,
    files: PretrainedFiles,
    options: CoreOptions = {},
  ) {
    this.#weights = weights;
    this.#files = files;
    this.#executor = new Executor(config, options);
    this.#generator = new Generator(config, options);
    if ((options.threads ?? defaultThreads()) > 1) this.#thread = new AdamwThread();
  }

  get parameters(): number {
    return parameterCount(this.config);
  }

  /** Bytes of weights, gradients, moments and snapshots now held. */
  get bytes(): number {
    const sets = 1 + (this.#accumulated ? 1 : 0) + (this.#optimizer ? 2 : 0) + this.#snapshots.size;
    return sets * this.parameters * FLOAT32_BYTES;
  }

  async generate(
    requests: readonly GenerateRequest[],
    options: GenerateOptions,
    throwIfCancelled?: ThrowIfCancelled,
  ): Promise<Sample[][]> {
    return this.#generator.generate(this.#weightsOf(options.weights), requests, options, throwIfCancelled);
  }

  async score(
    rows: readonly ScoreRow[],
    options: ScoreOptions = {},
    throwIfCancelled: ThrowIfCancelled = () => {},
  ): Promise<ScoredRow[]> {
    const weights = this.#weightsOf(options.weights);
    const distribution = distributionOf(this.config, options);
    rows.forEach((row, index) => void checkRow(this.config, row, index));
    const results: ScoredRow[] = rows.map(() => ({ logProbabilities: [], entropies: [] }));
    const batches = this.#executor.pack(rows);
    const report = progressOf(options.onProgress, batches);
    for (const batch of batches) {
      throwIfCancelled();
      const { logProbabilities, entropies } = await this.#executor.run(
        weights,
        rows,
        batch,
        distribution,
        undefined,
        throwIfCancelled,
      );
      forEachRow(rows, batch, (index, start, end) => {
        results[index] = {
          logProbabilities: Array.from(logProbabilities.subarray(start, end)),
          entropies: Array.from(entropies.subarray(start, end)),
        };
      });
      report(batch);
    }
    return results;
  }

  /** A call that fails or is cancelled clears the accumulated gradient: no step may follow half a batch. */
  async forwardBackward(
    rows: readonly TrainingRow[],
    options: ForwardBackwardOptions,
    throwIfCancelled: ThrowIfCancelled = () => {},
  ): Promise<ForwardBackwardResult> {
    const distribution = distributionOf(this.config, options);
    rows.forEach((row, index) => {
      checkRow(this.config, row, index);
      checkTrainingRow(row, index, options);
    });
    const gradients = this.#gradients;
    this.#accumulated = true;
    const tokens = rows.reduce((sum, row) => sum + row.completionIds.length, 0);
    const defaultLossWeight = tokens > 0 ? 1 / tokens : 0;
    const sums = new MetricSums(options.loss);
    const logProbabilities: number[][] = rows.map(() => []);
    const batches = this.#executor.pack(rows);
    const report = progressOf(options.onProgress, batches);
    try {
      for (const batch of batches) {
        throwIfCancelled();
        const training = { gradients, loss: options.loss, defaultLossWeight };
        const result = await this.#executor.run(this.#weights, rows, batch, distribution, training, throwIfCancelled);
        forEachRow(rows, batch, (index, start, end) => {
          logProbabilities[index] = Array.from(result.logProbabilities.subarray(start, end));
        });
        const numbers = (of: (row: TrainingRow) => readonly number[] | number) => gatherTokens(rows, batch, of);
        sums.add(
          result.logProbabilities,
          result.entropies,
          result.losses as Float32Array,
          numbers((row) => row.lossWeights ?? defaultLossWeight),
          options.loss.kind === 'policy-gradient'
            ? {
                advantages: numbers((row) => row.advantages ?? 0),
                old: numbers((row) => row.oldLogProbabilities ?? 0),
                reference: rows[0].referenceLogProbabilities && numbers((row) => row.referenceLogProbabilities ?? 0),
              }
            : undefined,
        );
        report(batch);
      }
    } catch (error) {
      this.zeroGradients();
      throw error;
    }
    const { loss, metrics } = sums.result();
    const totalTokens = rows.reduce((sum, row) => sum + row.promptIds.length + row.completionIds.length, 0);
    return { loss, logProbabilities, metrics: { ...metrics, totalTokens, microBatches: batches.length } };
  }

  async optimStep(options: OptimStepOptions): Promise<OptimStepResult> {
    if (!this.#accumulated) {
      throw new EngineError(
        'invalid-argument',
        'optimStep was called before forwardBackward: there is no gradient to apply.',
      );
    }
    this.#optimizer ??= newOptimizerState(this.config);
    const result = await adamwStep(this.#weights, this.#gradients, this.#optimizer, options, this.#thread);
    this.zeroGradients();
    return result;
  }

  zeroGradients(): void {
    this.#gradients.clear();
    this.#accumulated = false;
  }

  /** The accumulated gradient, for tests and tools. */
  gradientOf(name: string): Float32Array | undefined {
    return this.#gradients.get(name);
  }

  weightOf(name: string): Float32Array | undefined {
    return this.#weights.get(name);
  }

  snapshot(name: string): void {
    this.#snapshots.set(name, copyParameters(this.#weights));
  }

  blendSnapshot(name: string, decay: number): void {
    if (!(decay >= 0 && decay <= 1)) {
      throw new EngineError('invalid-argument', `blendSnapshot: decay must be between 0 and 1, found ${decay}.`);
    }
    for (const [parameter, average] of this.#weightsOf(name)) {
      const current = this.#weights.get(parameter) as Float32Array;
      for (let i = 0; i < average.length; i++) average[i] = decay * average[i] + (1 - decay) * current[i];
    }
  }

  dropSnapshot(name: string): void {
    this.#snapshots.delete(name);
  }

  /**
   * Saves everything that training needs to continue. Sampling keeps no state: its randomness comes from the caller's
   * seeds.
   */
  async save(folder: string): Promise<void> {
    await saveCheckpoint(folder, {
      config: this.config,
      weights: this.#weights,
      optimizer: this.#optimizer,
      snapshots: this.#snapshots,
    });
  }

  /** Replaces the state with a saved state. If the folder cannot be read completely, nothing changes. */
  async load(folder: string): Promise<void> {
    const state = await loadCheckpoint(folder, this.config);
    for (const [name, data] of state.weights) (this.#weights.get(name) as Float32Array).set(data);
    this.#optimizer = state.optimizer;
    this.#snapshots.clear();
    for (const [name, parameters] of state.snapshots) this.#snapshots.set(name, parameters);
    this.zeroGradients();
  }

  async exportModel(folder: string, { dtype = 'F32' }: { dtype?: 'F32' | 'BF16' | 'F16' } = {}): Promise<void> {
    await savePretrained(folder, { config: this.config, parameters: this.#weights, files: this.#files }, { dtype });
  }

  async close(): Promise<void> {
    await this.#executor.release();
    await this.#generator.release();
    await this.#thread?.close();
  }

  #weightsOf(snapshot: string | undefined): ParameterSet {
    if (snapshot === undefined) return this.#weights;
    const parameters = this.#snapshots.get(snapshot);
    if (parameters) return parameters;
    const known = [...this.#snapshots.keys()].join(', ') || 'none';
    throw new EngineError('invalid-argument', `There is no snapshot "${snapshot}". Snapshots taken so far: ${known}.`, {
      expected: known,
      found: snapshot,
    });
  }
}

function distributionOf(
  config: ModelConfig,
  { temperature = 1, maskedIds = [] }: Pick<ScoreOptions, 'temperature' | 'maskedIds'>,
): Distribution {
  if (!(temperature > 0 && Number.isFinite(temperature))) {
    throw new EngineError(
      'invalid-argument',
      `Log-probabilities need a temperature above 0, found ${temperature}. Score greedy samples at temperature 1.`,
    );
  }
  checkTokens(config, maskedIds, 'The list of masked ids');
  return { temperature, tokenBias: maskedIds.length > 0 ? tokenBias(config, maskedIds) : undefined };
}

/** Checks that the arrays that the loss needs are present, as long as the completion, and finite. */
function checkTrainingRow(row: TrainingRow, index: number, { loss }: ForwardBackwardOptions): void {
  const policyGradient = loss.kind === 'policy-gradient';
  const needed = {
    advantages: policyGradient,
    oldLogProbabilities: policyGradient,
    referenceLogProbabilities: policyGradient && (loss.klCoefficient ?? 0) > 0,
    lossWeights: false,
  };
  for (const name of ['advantages', 'oldLogProbabilities', 'referenceLogProbabilities', 'lossWeights'] as const) {
    const values = row[name];
    const expected = row.completionIds.length;
    if (!values) {
      if (!needed[name]) continue;
      throw new EngineError('invalid-argument', `Row ${index} has no ${name}, which this loss needs for each token.`, {
        expected: `${expected} numbers`,
        found: 'none',
      });
    }
    if (values.length !== expected) {
      throw new EngineError(
        'invalid-argument',
        `Row ${index} has ${values.length} ${name} for ${expected} completion tokens: there must be one for each.`,
        { expected: `${expected} numbers`, found: `${values.length}` },
      );
    }
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad < 0) continue;
    throw new EngineError('invalid-argument', `Row ${index}: ${name}[${bad}] is ${values[bad]}, not a finite number.`);
  }
}

/** Calls `visit` with the position of each row's tokens among all scored tokens of the batch. */
function forEachRow(
  rows: readonly ScoreRow[],
  batch: MicroBatch,
  visit: (index: number, start: number, end: number) => void,
): void {
  let start = 0;
  for (const index of batch.rowIndices) {
    const end = start + rows[index].completionIds.length;
    visit(index, start, end);
    start = end;
  }
}

function progressOf(
  onProgress: ScoreOptions['onProgress'],
  batches: readonly MicroBatch[],
): (batch: MicroBatch) => void {
  const total = batches.reduce((sum, batch) => sum + batch.rowIndices.length, 0);
  let finished = 0;
  let tokens = 0;
  return (batch) => {
    finished += batch.rowIndices.length;
    tokens += batch.tokens;
    onProgress?.({ finished, total, tokens });
  };
}
