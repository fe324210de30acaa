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
import { trainedShapes, withoutAdapter } from './models/adapter.js';
import type { ModelConfig } from './models/config.js';
import { tokenBias } from './models/decoder.js';
import { type ParameterSet, parameterCount } from './models/parameters.js';
import { sharesOf } from './parallel/shares.js';
import { type KeyedWeights, Team } from './parallel/team.js';
import type { RunOptions } from './runs.js';
import { defaultThreads } from './runtime/threads.js';
import { DEFAULT_CACHE_BYTES } from './sampling/generator.js';
import { adamwStep, newOptimizerState, type OptimizerState } from './training/adamw.js';
import { AdamwThread } from './training/adamw-thread.js';
import { type BatchLoss, batchInputs, type Distribution } from './training/batch-inputs.js';
import { checkRow, checkTokens, gatherTokens, inputLength, type MicroBatch } from './training/batches.js';
import { type BatchResult, defaultActivationBytes } from './training/executor.js';
import { Gradients } from './training/gradients.js';
import { MetricSums } from './training/metrics.js';
import { WeightSets } from './weight-sets.js';
import { writeAdapter } from './weights/adapter-files.js';
import { loadCheckpoint, saveCheckpoint } from './weights/checkpoint.js';
import type { OpenedAdapter } from './weights/open-model.js';
import { type PretrainedFiles, savePretrained } from './weights/pretrained.js';

export type CoreOptions = RunOptions;

/** Throws if the caller has cancelled; called between micro-batches and decoding steps. */
export type ThrowIfCancelled = () => void;

const FLOAT32_BYTES = 4;

/** Larger models would need too much memory for a second copy of their weights, and too long to make it. */
const LARGEST_PACKED_MODEL = 250e6;

/** Up to this size, threads that compute alone are faster than operators that use several (docs/speed.md). */
const LARGEST_TEAM_MODEL = 16e6;

export class EngineCore {
  readonly #files: PretrainedFiles;
  readonly #weights: WeightSets;
  readonly #baseName: string | undefined;
  readonly #team: Team;
  readonly #thread: AdamwThread | undefined;
  readonly #gradients = new Gradients();
  /** Whether forwardBackward has run since the last step. */
  #accumulated = false;
  #optimizer: OptimizerState | undefined;
  /** Number of times that `load` has replaced the weights. */
  #loads = 0;

  /** @param adapter what `config.adapter` describes */
  constructor(
    readonly config: ModelConfig,
    weights: ParameterSet,
    files: PretrainedFiles,
    options: CoreOptions = {},
    adapter?: OpenedAdapter,
  ) {
    this.#files = files;
    this.#weights = new WeightSets(config, weights, adapter?.parameters);
    this.#baseName = adapter?.baseName;
    this.#team = teamFor(config, options);
    if ((options.threads ?? defaultThreads()) > 1) this.#thread = new AdamwThread();
  }

  /** Of the model, without the adapter's. */
  get parameters(): number {
    return parameterCount(withoutAdapter(this.config));
  }

  get trainedParameters(): number {
    return this.config.adapter ? parameterCount(this.config) - this.parameters : this.parameters;
  }

  /** Bytes of weights, gradients, moments and snapshots now held. */
  get bytes(): number {
    const sets = (this.#accumulated ? 1 : 0) + (this.#optimizer ? 2 : 0);
    return (this.#weights.size + sets * this.trainedParameters) * FLOAT32_BYTES;
  }

  async generate(
    requests: readonly GenerateRequest[],
    options: GenerateOptions,
    throwIfCancelled?: ThrowIfCancelled,
  ): Promise<Sample[][]> {
    const { weights: name, ...call } = options;
    const fixed = name === undefined && this.#isUntrained ? this.#loads : undefined;
    return this.#team.generate(this.#weights.choose(name), requests, call, throwIfCancelled ?? (() => {}), fixed);
  }

  /**
   * Whether the live weights have never been updated, so that packing them for sampling is likely to pay. This must
   * depend on nothing else: a run that is resumed samples from the same graphs as one that was not interrupted.
   */
  get #isUntrained(): boolean {
    return (this.#optimizer?.step ?? 0) === 0 && !this.config.adapter && this.parameters <= LARGEST_PACKED_MODEL;
  }

  async score(
    rows: readonly ScoreRow[],
    options: ScoreOptions = {},
    throwIfCancelled: ThrowIfCancelled = () => {},
  ): Promise<ScoredRow[]> {
    const weights = this.#weights.choose(options.weights);
    const distribution = distributionOf(this.config, options);
    rows.forEach((row, index) => void checkRow(this.config, row, index));
    const scored: ScoredRow[] = rows.map(() => ({ logProbabilities: [], entropies: [] }));
    const { batches, results } = await this.#run(weights, rows, distribution, options, throwIfCancelled);
    batches.forEach((batch, number) => {
      const { logProbabilities, entropies } = results[number];
      forEachRow(rows, batch, (index, start, end) => {
        scored[index] = {
          logProbabilities: Array.from(logProbabilities.subarray(start, end)),
          entropies: Array.from(entropies.subarray(start, end)),
        };
      });
    });
    return scored;
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
    this.#accumulated = true;
    const tokens = rows.reduce((sum, row) => sum + row.completionIds.length, 0);
    const defaultLossWeight = tokens > 0 ? 1 / tokens : 0;
    const training = { loss: options.loss, defaultLossWeight };
    const sums = new MetricSums(options.loss);
    const logProbabilities: number[][] = rows.map(() => []);
    const weights = this.#weights.choose(undefined);
    let finished: Finished;
    try {
      finished = await this.#run(weights, rows, distribution, options, throwIfCancelled, training);
    } catch (error) {
      this.zeroGradients();
      throw error;
    }
    const { batches, results } = finished;
    batches.forEach((batch, number) => {
      const result = results[number];
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
    });
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
    this.#optimizer ??= newOptimizerState(trainedShapes(this.config));
    const result = await adamwStep(this.#weights.trained, this.#gradients, this.#optimizer, options, this.#thread);
    this.#weights.changed();
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
    this.#weights.snapshot(name);
  }

  blendSnapshot(name: string, decay: number): void {
    this.#weights.blend(name, decay);
  }

  dropSnapshot(name: string): void {
    this.#weights.snapshots.delete(name);
  }

  /**
   * Saves everything that training needs to continue. Sampling keeps no state: its randomness comes from the caller's
   * seeds.
   */
  async save(folder: string): Promise<void> {
    await saveCheckpoint(folder, {
      config: this.config,
      weights: this.#weights.trained,
      base: this.#weights.frozen,
      optimizer: this.#optimizer,
      snapshots: this.#weights.snapshots,
    });
  }

  /** Replaces the state with a saved state. If the folder cannot be read completely, nothing changes. */
  async load(folder: string): Promise<void> {
    const state = await loadCheckpoint(folder, this.config, this.#weights.frozen);
    this.#weights.restore(state.weights, state.snapshots);
    this.#optimizer = state.optimizer;
    this.#loads++;
    this.zeroGradients();
  }

  async exportModel(folder: string, { dtype = 'F32' }: { dtype?: 'F32' | 'BF16' | 'F16' } = {}): Promise<void> {
    const config = withoutAdapter(this.config);
    await savePretrained(folder, { config, parameters: this.#weights.merged, files: this.#files }, { dtype });
  }

  /** Writes the adapter alone, as PEFT does. @throws EngineError 'invalid-argument' without an adapter. */
  async exportAdapter(folder: string): Promise<void> {
    const { adapter } = this.config;
    const { frozen: base, trained: parameters } = this.#weights;
    if (!adapter || !base) {
      throw new EngineError(
        'invalid-argument',
        'There is no adapter to save: this engine trains all weights. Use exportModel, or open the model with an adapter.',
      );
    }
    await writeAdapter(folder, { ...this.config, adapter }, { base, baseName: this.#baseName, parameters });
  }

  async close(): Promise<void> {
    await this.#team.close();
    await this.#thread?.close();
  }

  /** Runs rows in micro-batches; with `training`, adds their gradient to the accumulated one. */
  async #run(
    weights: KeyedWeights,
    rows: readonly TrainingRow[],
    distribution: Distribution,
    { onProgress }: Pick<ScoreOptions, 'onProgress'>,
    throwIfCancelled: ThrowIfCancelled,
    training?: BatchLoss,
  ): Promise<Finished> {
    const tokens = rows.reduce((sum, row) => sum + inputLength(row), 0);
    const shares = sharesOf(tokens, this.#team.threads);
    const { executor } = this.#team.runs.of(weights.adapted);
    const batches = executor.pack(rows, shares);
    const report = progressOf(onProgress, batches);
    const inputs = (index: number) => batchInputs(rows, batches[index], distribution, training);
    const onFinished = (index: number) => report(batches[index]);
    const run = { shares, throwIfCancelled, onFinished };
    const costs = batches.map((batch) => executor.costOf(batch));
    return { batches, results: await this.#team.run(weights, costs, inputs, this.#gradients, run) };
  }
}

interface Finished {
  batches: MicroBatch[];
  results: BatchResult[];
}

/** Threads that compute on their own, if the model is small, or one whose operators use several threads. */
function teamFor(config: ModelConfig, options: CoreOptions): Team {
  const threads = options.threads ?? defaultThreads();
  if (threads === 1 || parameterCount(config) > LARGEST_TEAM_MODEL) return new Team(config, options, 1);
  const part = (bytes: number) => Math.ceil(bytes / threads);
  const { activationBytes = defaultActivationBytes(), cacheBytes = DEFAULT_CACHE_BYTES } = options;
  const own = { threads: 1, activationBytes: part(activationBytes), cacheBytes: part(cacheBytes) };
  return new Team(config, { ...options, ...own }, threads);
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
