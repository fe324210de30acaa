/** A policy whose weights are on a server that speaks the Tinker protocol. The server samples, scores and trains. */
import { join } from 'node:path';
import type { ChatFormat } from '../../text/chat.js';
import type { Tokenizer } from '../../text/tokenizer.js';
import { PolicyError } from '../errors.js';
import type {
  Capabilities,
  ForwardBackwardOptions,
  ForwardBackwardResult,
  GenerateOptions,
  GenerateRequest,
  OptimStepOptions,
  OptimStepResult,
  PolicyGradientLoss,
  Sample,
  ScoredRow,
  ScoreOptions,
  ScoreRow,
  TrainablePolicy,
  TrainingRow,
} from '../types.js';
import { TinkerClient, type TinkerClientOptions } from './client.js';
import { completionValues, type LossScaling, policyDatum, weightedDatum } from './datum.js';
import { TinkerError } from './errors.js';
import { lossMetrics } from './loss-metrics.js';
import { RemoteModel, type RemoteModelOptions } from './model.js';
import { modelsIn } from './replies.js';
import { RemoteSampling } from './sampling.js';
import { readState, type SavedState, STATE_FILE, writeState } from './saved-state.js';

export interface TinkerPolicyOptions extends TinkerClientOptions, RemoteModelOptions {
  tokenizer: Tokenizer;
  chat: ChatFormat;
  /** How the server adds up token losses; default `sum`. */
  scaling?: LossScaling;
  /** Loss for policy gradients; default `ppo`. */
  loss?: 'ppo' | 'importance_sampling' | 'cispo';
  /** Lengths are padded to multiples of this, for servers that compile for each shape; default 1. */
  padTo?: number;
  /** Maximum number of tokens of prompt and completion together; default: the server's value, else 32,768. */
  contextLength?: number;
  /**
   * The address that opened the policy. It is saved with each checkpoint, so that the folder alone suffices to open it
   * again.
   */
  opened?: SavedState['opened'];
  /** Maximum number of sampling requests in flight; default 256. */
  concurrency?: number;
  signal?: AbortSignal;
}

const DEFAULT_CONTEXT = 32_768;
const MOST_LISTED = 20;

/**
 * Opens a session and makes a model to train.
 * @throws TinkerError if the server cannot be reached, does not accept the key, has no such model, or has too small a
 *   window.
 */
export async function openTinkerPolicy(options: TinkerPolicyOptions): Promise<TinkerPolicy> {
  const { model, signal } = options;
  const apiKey = options.apiKey ?? (process.env.TINKER_API_KEY || process.env.TAMTRL_API_KEY || undefined);
  const client = new TinkerClient({ ...options, apiKey });
  const capabilities = await client.call('get_server_capabilities', undefined, signal);
  const models = modelsIn(capabilities);
  const own = models.find(({ model_name }) => model_name === model);
  const about = { server: client.server, path: 'get_server_capabilities', body: models };
  if (models.length > 0 && !own) {
    const names = models
      .slice(0, MOST_LISTED)
      .map(({ model_name }) => model_name)
      .join(', ');
    throw new TinkerError('refused', `${client.server} has no model "${model}". It has: ${names}.`, about);
  }
  const limit = own?.max_context_length;
  if (limit !== undefined && options.contextLength !== undefined && options.contextLength > limit) {
    throw new TinkerError(
      'refused',
      `${client.server} accepts at most ${limit} tokens for ${model}; ${options.contextLength} were requested.`,
      about,
    );
  }
  const session = await client.createSession(['tamtrl'], signal);
  try {
    const live = await RemoteModel.create(client, session, 0, options, signal);
    const contextLength = options.contextLength ?? limit ?? DEFAULT_CONTEXT;
    return new TinkerPolicy(client, session, live, { ...options, contextLength });
  } catch (error) {
    client.close();
    throw error;
  }
}

export class TinkerPolicy implements TrainablePolicy {
  readonly name: string;
  /** A snapshot is another model on the server and takes one more place there. The protocol cannot blend models. */
  readonly capabilities: Capabilities = {
    score: true,
    snapshots: true,
    averages: false,
    train: true,
    exactLogProbabilities: false,
  };
  readonly tokenizer: Tokenizer;
  readonly chat: ChatFormat;
  readonly contextLength: number;
  readonly #client: TinkerClient;
  readonly #session: string;
  readonly #options: TinkerPolicyOptions;
  readonly #sampling: RemoteSampling;
  /** The model that is sampled and trained. */
  #live: RemoteModel;
  #models = 1;
  /** Models with frozen weights, and where those are saved. */
  readonly #snapshots = new Map<string, { model: RemoteModel; path: string }>();
  /** Sampling sessions kept under a name. */
  readonly #held = new Map<string, string>();
  #samplers = 0;
  #saves = 0;
  /** Part of the names of saved weights, because some servers give all sessions the same id. */
  readonly #run = crypto.randomUUID().slice(0, 8);
  #optimSteps = 0;

  constructor(client: TinkerClient, session: string, live: RemoteModel, options: TinkerPolicyOptions) {
    this.name = `${options.model} at ${client.server}`;
    this.tokenizer = options.tokenizer;
    this.chat = options.chat;
    this.contextLength = options.contextLength ?? DEFAULT_CONTEXT;
    this.#client = client;
    this.#session = session;
    this.#live = live;
    this.#options = options;
    this.#sampling = new RemoteSampling(client, options);
  }

  async sample(requests: readonly GenerateRequest[], options: GenerateOptions): Promise<Sample[][]> {
    const { weights, signal } = options;
    const session =
      (weights === undefined ? undefined : this.#held.get(weights)) ??
      (await this.#model(weights).sampler(() => this.#samplers++, signal));
    return this.#sampling.sample(session, requests, options);
  }

  /** Forward passes with cross-entropy: log-probabilities under the weights in training, or under a snapshot. */
  async score(rows: readonly ScoreRow[], options: ScoreOptions = {}): Promise<ScoredRow[]> {
    const { weights, temperature, signal } = options;
    this.#checkTemperature(temperature);
    const toDatum = (row: TrainingRow) =>
      weightedDatum(row, new Array<number>(row.completionIds.length).fill(1), this.#options.padTo);
    const loss = { loss_fn: 'cross_entropy', forward_only: true };
    const values = await this.#model(weights).forward(rows, toDatum, loss, signal);
    return rows.map((row, at) => {
      const logProbabilities = completionValues(row, values[at]);
      // The server does not return entropies.
      return { logProbabilities, entropies: logProbabilities.map(() => Number.NaN) };
    });
  }

  /**
   * Requests one forward pass of the loss.
   * @throws PolicyError like `forwardBackward`; TinkerError `refused` if the server does not have the loss.
   */
  async checkTraining(options: ForwardBackwardOptions): Promise<void> {
    this.#checkLoss(options);
    const { loss, signal } = options;
    if (loss.kind === 'cross-entropy') return;
    const { scaling = 'sum', padTo } = this.#options;
    const row = { promptIds: [0], completionIds: [0], advantages: [0], oldLogProbabilities: [0] };
    const toDatum = () => policyDatum(row, [1], { scaling, padTo });
    try {
      await this.#live.forward([row], toDatum, { ...this.#lossNamed(loss), forward_only: true }, signal);
    } catch (error) {
      if (!TinkerError.isInstance(error, 'refused')) throw error;
      const { loss: name = 'ppo' } = this.#options;
      throw error.retold(
        `${error.server} does not have the loss ${name}, or no forward passes for it: ${error.message} Choose another ` +
          "loss in the model's address: ?loss=importance_sampling (or ppo, cispo).",
      );
    }
  }

  /**
   * A KL term goes into the advantages, which is exact if old and new log-probabilities are equal (the first update of
   * a step).
   * @throws PolicyError `capability` for features that the protocol's losses lack: a dual clip, a temperature other
   *   than 1, and weighted cross-entropy on a server that averages.
   */
  async forwardBackward(rows: readonly TrainingRow[], options: ForwardBackwardOptions): Promise<ForwardBackwardResult> {
    const { loss } = options;
    const { scaling = 'sum', padTo } = this.#options;
    this.#checkLoss(options);
    const total = rows.reduce((sum, row) => sum + row.completionIds.length, 0);
    const weights = rows.map(
      ({ lossWeights, completionIds }) => lossWeights ?? new Array<number>(completionIds.length).fill(1 / total),
    );
    let values: number[][];
    if (loss.kind === 'cross-entropy') {
      if (scaling === 'average' && new Set(weights.flat()).size > 1) {
        throw new PolicyError(
          'capability',
          `${this.name} averages over each row, so rows cannot be weighted against one another with cross-entropy.`,
        );
      }
      const toDatum = (row: TrainingRow, at: number) => weightedDatum(row, weights[at], padTo);
      values = await this.#live.forward(rows, toDatum, { loss_fn: 'cross_entropy', forward_only: false });
    } else {
      const datumOptions = { scaling, padTo, rows: rows.length, klCoefficient: loss.klCoefficient };
      const toDatum = (row: TrainingRow, at: number) => policyDatum(row, weights[at], datumOptions);
      values = await this.#live.forward(rows, toDatum, { ...this.#lossNamed(loss), forward_only: false });
    }
    const logProbabilities = rows.map((row, at) => completionValues(row, values[at]));
    return { logProbabilities, ...lossMetrics(rows, logProbabilities, weights, loss) };
  }

  async optimStep(options: OptimStepOptions): Promise<OptimStepResult> {
    const { learningRate, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weightDecay = 0, gradientClipNorm = 0 } = options;
    if (options.decayNorms === false && weightDecay > 0) {
      throw new PolicyError(
        'capability',
        `The optimiser of ${this.name} decays all weights alike. Set optimizer.weightDecay to 0, or leave decayNorms out.`,
      );
    }
    const adam = {
      learning_rate: learningRate,
      beta1,
      beta2,
      eps: epsilon,
      weight_decay: weightDecay,
      grad_clip_norm: gradientClipNorm,
    };
    const reply = await this.#live.optimStep(adam);
    const metrics = (reply.metrics ?? {}) as Record<string, unknown>;
    const norm = metrics.grad_norm ?? metrics['grad_norm:mean'] ?? metrics['skyrl.ai/grad_norm'];
    return { gradientNorm: typeof norm === 'number' ? norm : Number.NaN, skipped: false, step: ++this.#optimSteps };
  }

  /**
   * The protocol cannot drop gradients. Gradients exist only between a forward-backward and its step, which the trainer
   * does not interrupt.
   */
  async zeroGradients(): Promise<void> {}

  /**
   * For scoring, the live weights are saved on the server and loaded into a separate model; for sampling, their sampler
   * is kept.
   */
  async snapshot(name: string, use: 'score' | 'sample' = 'score'): Promise<void> {
    if (use === 'sample') {
      this.#held.set(name, await this.#live.sampler(() => this.#samplers++));
      return;
    }
    const path = await this.#live.save(this.#newName(name), 'weights');
    await this.dropSnapshot(name);
    try {
      this.#snapshots.set(name, { model: await this.#loaded(path, false), path });
    } catch (error) {
      if (!TinkerError.isInstance(error, 'refused')) throw error;
      throw error.retold(
        `${error.message} The snapshot "${name}" needs a second model there. If the server has no room for it, set ` +
          'klCoefficient to 0 and teacher to "self".',
      );
    }
  }

  async blendSnapshot(): Promise<void> {
    throw new PolicyError('capability', `${this.name} cannot blend weights. Use the teacher "self" or "frozen".`);
  }

  async dropSnapshot(name: string): Promise<void> {
    this.#held.delete(name);
    await this.#snapshots.get(name)?.model.unload();
    this.#snapshots.delete(name);
  }

  /** Saves on the server; the folder records the name there. */
  async save(folder: string): Promise<void> {
    const snapshots = Object.fromEntries([...this.#snapshots].map(([name, { path }]) => [name, path]));
    await this.#note(folder, { path: await this.#live.save(this.#newName('state'), 'weights'), snapshots });
  }

  /** @throws PolicyError `invalid-argument` for a folder of another model. */
  async load(folder: string): Promise<void> {
    const { path, model, server, steps = 0, snapshots = {} } = await readState(folder);
    if (model !== this.#options.model || typeof path !== 'string') {
      const place = join(folder, STATE_FILE);
      throw new PolicyError('invalid-argument', `${place} is of ${model} at ${server}; this is ${this.name}.`);
    }
    for (const name of [...this.#snapshots.keys()]) await this.dropSnapshot(name);
    if (this.#live.used) {
      // The old model is freed first, because some servers have only one place.
      await this.#live.unload();
      this.#live = await this.#loaded(path, true);
    } else await this.#live.load(path, true);
    for (const [name, at] of Object.entries(snapshots)) {
      this.#snapshots.set(name, { model: await this.#loaded(at, false), path: at });
    }
    this.#optimSteps = steps;
  }

  /**
   * The weights stay on the server, for further training and for sampling. The folder says where, and `openModel` opens
   * it.
   */
  async exportModel(folder: string): Promise<void> {
    const path = await this.#live.save(this.#newName('model'), 'weights');
    const sampler = await this.#live.save(this.#newName('sampler'), 'weights_for_sampler');
    await this.#note(folder, { path, sampler, snapshots: {} });
  }

  /** Frees the places on the server. */
  async close(): Promise<void> {
    this.#client.close();
    const models = [this.#live, ...[...this.#snapshots.values()].map(({ model }) => model)];
    await Promise.all(models.map((model) => model.unload()));
  }

  /** Servers keep everything that is saved under a name, so each name is used once. */
  #newName(what: string): string {
    return `tamtrl-${this.#run}-${what}-${this.#optimSteps}-${++this.#saves}`;
  }

  /** A new model on the server with the weights that were saved there as `path`. */
  async #loaded(path: string, optimizer: boolean): Promise<RemoteModel> {
    const model = await RemoteModel.create(this.#client, this.#session, this.#models++, this.#options);
    await model.load(path, optimizer);
    return model;
  }

  #model(weights: string | undefined): RemoteModel {
    const model = weights === undefined ? this.#live : this.#snapshots.get(weights)?.model;
    if (model) return model;
    throw new PolicyError('invalid-argument', `${this.name} has no snapshot "${weights}".`);
  }

  #lossNamed({ clipLow, clipHigh }: PolicyGradientLoss) {
    const { loss = 'ppo' } = this.#options;
    const clip = { clip_low_threshold: 1 - clipLow, clip_high_threshold: 1 + clipHigh };
    return { loss_fn: loss, ...(loss === 'importance_sampling' ? {} : { loss_fn_config: clip }) };
  }

  async #note(folder: string, where: Pick<SavedState, 'path' | 'sampler' | 'snapshots'>): Promise<void> {
    const { model, opened } = this.#options;
    await writeState(folder, { server: this.#client.server, model, ...where, steps: this.#optimSteps, opened });
  }

  #checkLoss({ loss, temperature }: ForwardBackwardOptions): void {
    this.#checkTemperature(temperature);
    if (loss.kind === 'policy-gradient' && loss.dualClip !== undefined) {
      throw new PolicyError('capability', `The losses of ${this.name} have no dual clip. Remove dualClip.`);
    }
    if (loss.kind === 'policy-gradient' && (loss.entropyCoefficient ?? 0) > 0) {
      throw new PolicyError(
        'capability',
        `The losses of ${this.name} have no entropy bonus. Set entropyCoefficient to 0, or raise clipHigh.`,
      );
    }
  }

  #checkTemperature(temperature = 1): void {
    if (temperature === 1) return;
    throw new PolicyError(
      'capability',
      `${this.name} trains and scores at temperature 1 only; asked for ${temperature}. Set temperature to 1.`,
    );
  }
}
