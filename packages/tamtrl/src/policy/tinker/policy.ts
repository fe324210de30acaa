/** A policy whose weights are at a server that speaks the Tinker protocol: sampled, scored and trained there. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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
} from '@tamtrl/engine';
import type { ChatFormat } from '../../text/chat.js';
import type { Tokenizer } from '../../text/tokenizer.js';
import { PolicyError } from '../errors.js';
import type { Capabilities, TrainablePolicy } from '../policy.js';
import { TinkerClient, type TinkerClientOptions, TinkerError } from './client.js';
import { completionValues, type LossScaling, modelInput, policyDatum, weightedDatum } from './datum.js';
import { lossMetrics } from './loss-metrics.js';
import type { ForwardBackwardBody } from './wire.js';

export interface TinkerPolicyOptions extends TinkerClientOptions {
  /** Name of the base model at the server. */
  model: string;
  tokenizer: Tokenizer;
  chat: ChatFormat;
  /** Rank of the LoRA adapter; 0 trains all weights where the server can. Default 32. */
  rank?: number;
  seed?: number;
  /** How the server adds up token losses; default `sum`. */
  scaling?: LossScaling;
  /** Loss for policy gradients; default `ppo`. */
  loss?: 'ppo' | 'importance_sampling' | 'cispo';
  /** Lengths are filled up to multiples of this, for servers that compile for each shape; default 1. */
  padTo?: number;
  /** Tokens of prompt and completion together; default: what the server says, else 32,768. */
  contextLength?: number;
  signal?: AbortSignal;
}

const STATE_FILE = 'tinker.json';
const DEFAULT_CONTEXT = 32_768;

/**
 * Opens a session and makes a model to train.
 * @throws TinkerError if the server is not there, does not accept the key, has no such model, or a smaller window than `contextLength`.
 */
export async function openTinkerPolicy(options: TinkerPolicyOptions): Promise<TinkerPolicy> {
  const { model, signal } = options;
  const apiKey = options.apiKey ?? (process.env.TINKER_API_KEY || process.env.TAMTRL_API_KEY || undefined);
  const client = new TinkerClient({ ...options, apiKey });
  const { supported_models } = await client.call('get_server_capabilities', undefined, signal);
  const models = Array.isArray(supported_models)
    ? (supported_models as { model_name?: string; max_context_length?: number }[])
    : [];
  const own = models.find(({ model_name }) => model_name === model);
  const about = { server: client.server, path: 'get_server_capabilities', body: supported_models };
  if (models.length > 0 && !own) {
    const names = models.map(({ model_name }) => model_name).join(', ');
    throw new TinkerError('refused', `${client.server} has no model "${model}". It has: ${names}.`, about);
  }
  const limit = own?.max_context_length;
  if (limit !== undefined && options.contextLength !== undefined && options.contextLength > limit) {
    throw new TinkerError(
      'refused',
      `${client.server} reads at most ${limit} tokens with ${model}; ${options.contextLength} are asked for.`,
      about,
    );
  }
  const session = await client.createSession(['tamtrl'], signal);
  try {
    const id = await createModel(client, session, 0, options);
    const contextLength = options.contextLength ?? limit ?? DEFAULT_CONTEXT;
    return new TinkerPolicy(client, session, id, { ...options, contextLength });
  } catch (error) {
    client.close();
    throw error;
  }
}

/** @param number of the model within its session, from 0 */
async function createModel(
  client: TinkerClient,
  session: string,
  number: number,
  { model, rank = 32, seed, signal }: TinkerPolicyOptions,
): Promise<string> {
  const lora = {
    rank,
    ...(seed === undefined ? {} : { seed }),
    train_unembed: true,
    train_mlp: true,
    train_attn: true,
  };
  const request = { session_id: session, model_seq_id: number, base_model: model, lora_config: lora };
  const made = await client.submit('create_model', request, signal);
  if (typeof made.model_id === 'string') return made.model_id;
  const about = { server: client.server, path: 'create_model', body: made };
  throw new TinkerError('protocol', `${client.server} made a model without an id.`, about);
}

export class TinkerPolicy implements TrainablePolicy {
  readonly name: string;
  /** No snapshots: other weights than the live ones cannot be scored with over this protocol. */
  readonly capabilities: Capabilities = { score: true, snapshots: false, train: true, exactLogProbabilities: false };
  readonly tokenizer: Tokenizer;
  readonly chat: ChatFormat;
  readonly contextLength: number;
  readonly #client: TinkerClient;
  readonly #session: string;
  #model: string;
  #models = 1;
  readonly #options: TinkerPolicyOptions;
  /** Grows by one for each call that changes something; with the model's id it names the call. */
  #sequence = 0;
  #samplers = 0;
  #draws = 0;
  /** Of the live weights; undefined once they have changed. */
  #sampler: Promise<string> | undefined;
  #optimSteps = 0;

  constructor(client: TinkerClient, session: string, model: string, options: TinkerPolicyOptions) {
    this.name = `${options.model} at ${client.server}`;
    this.tokenizer = options.tokenizer;
    this.chat = options.chat;
    this.contextLength = options.contextLength ?? DEFAULT_CONTEXT;
    this.#client = client;
    this.#session = session;
    this.#model = model;
    this.#options = options;
  }

  async sample(requests: readonly GenerateRequest[], options: GenerateOptions): Promise<Sample[][]> {
    if (options.weights !== undefined) throw this.#noSnapshots();
    const { temperature = 1, topP = 1, topK = 0, stopIds = [], seed: common = 0, signal } = options;
    this.#sampler ??= this.#newSampler(signal);
    const session = await this.#sampler.catch((error: unknown) => {
      this.#sampler = undefined;
      throw error;
    });
    let finished = 0;
    let tokens = 0;
    // All of a turn go out together; the client keeps to what may be under way.
    return Promise.all(
      requests.map(async ({ promptIds, samples = 1, maxTokens = options.maxTokens, seed = common }) => {
        const result = await this.#client.submit(
          'asample',
          {
            ...{
              sampling_session_id: session,
              seq_id: ++this.#draws,
              num_samples: samples,
              prompt: modelInput(promptIds),
            },
            sampling_params: {
              max_tokens: maxTokens,
              temperature,
              top_p: topP,
              top_k: topK > 0 ? topK : -1,
              seed: seed % 2 ** 31,
              stop: stopIds,
            },
          },
          signal,
        );
        const sequences = (result.sequences ?? []) as { tokens: number[]; logprobs?: number[]; stop_reason: string }[];
        if (sequences.length !== samples || sequences.some((each) => each.logprobs?.length !== each.tokens.length)) {
          throw new TinkerError(
            'protocol',
            `${this.#client.server} was asked for ${samples} samples with log-probabilities and gave something else.`,
            { server: this.#client.server, path: 'asample', body: result },
          );
        }
        const found = sequences.map((each): Sample => {
          // Some servers always say "stop": what does not end in a stop token has run into the limit.
          const ended = stopIds.includes(each.tokens[each.tokens.length - 1]);
          const stopped = ended || (each.stop_reason === 'stop' && each.tokens.length < maxTokens);
          return { tokens: each.tokens, logProbabilities: each.logprobs!, stopReason: stopped ? 'stop' : 'length' };
        });
        tokens += found.reduce((sum, each) => sum + each.tokens.length, 0);
        options.onProgress?.({ finished: ++finished, total: requests.length, tokens });
        return found;
      }),
    );
  }

  /** Forward passes with cross-entropy: the log-probabilities of the weights that are being trained. */
  async score(rows: readonly ScoreRow[], options: ScoreOptions = {}): Promise<ScoredRow[]> {
    if (options.weights !== undefined) throw this.#noSnapshots();
    this.#checkTemperature(options.temperature);
    if (rows.length === 0) return [];
    const data = rows.map((row) =>
      weightedDatum(row, new Array<number>(row.completionIds.length).fill(1), this.#options.padTo),
    );
    const body = {
      model_id: this.#model,
      data,
      loss_fn: 'cross_entropy',
      seq_id: ++this.#sequence,
      forward_only: true,
    };
    const outputs = this.#logProbabilities(rows, await this.#client.forward(body, options.signal), 'forward');
    // Entropies do not come over the wire.
    return outputs.map((logProbabilities) => ({ logProbabilities, entropies: logProbabilities.map(() => Number.NaN) }));
  }

  /**
   * @throws PolicyError `capability` for what the protocol's losses do not have: a KL term, a dual clip, another temperature than 1, and
   *   weighted cross-entropy on a server that averages.
   */
  async forwardBackward(rows: readonly TrainingRow[], options: ForwardBackwardOptions): Promise<ForwardBackwardResult> {
    const { loss } = options;
    const { scaling = 'sum', padTo, loss: policyLoss = 'ppo' } = this.#options;
    this.#checkTemperature(options.temperature);
    const total = rows.reduce((sum, row) => sum + row.completionIds.length, 0);
    const weights = rows.map(
      ({ lossWeights, completionIds }) => lossWeights ?? new Array<number>(completionIds.length).fill(1 / total),
    );
    let input: Pick<ForwardBackwardBody, 'data' | 'loss_fn' | 'loss_fn_config'>;
    if (loss.kind === 'cross-entropy') {
      if (scaling === 'average' && new Set(weights.flat()).size > 1) {
        throw new PolicyError(
          'capability',
          `${this.name} averages over each row, so rows cannot be weighted against one another with cross-entropy.`,
        );
      }
      input = { data: rows.map((row, at) => weightedDatum(row, weights[at], padTo)), loss_fn: 'cross_entropy' };
    } else {
      if ((loss.klCoefficient ?? 0) > 0)
        throw new PolicyError('capability', `The losses of ${this.name} have no KL term. Set klCoefficient to 0.`);
      if (loss.dualClip !== undefined)
        throw new PolicyError('capability', `The losses of ${this.name} have no dual clip. Leave dualClip away.`);
      input = {
        data: rows.map((row, at) => policyDatum(row, weights[at], scaling, padTo)),
        loss_fn: policyLoss,
        ...(policyLoss === 'importance_sampling'
          ? {}
          : { loss_fn_config: { clip_low_threshold: 1 - loss.clipLow, clip_high_threshold: 1 + loss.clipHigh } }),
      };
    }
    const body = { model_id: this.#model, ...input, seq_id: ++this.#sequence, forward_only: false };
    const reply = await this.#client.forward(body, options.signal);
    const logProbabilities = this.#logProbabilities(rows, reply, 'forward_backward');
    return { logProbabilities, ...lossMetrics(rows, logProbabilities, weights, loss) };
  }

  async optimStep(options: OptimStepOptions): Promise<OptimStepResult> {
    const { learningRate, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weightDecay = 0, gradientClipNorm = 0 } = options;
    const adam = {
      learning_rate: learningRate,
      beta1,
      beta2,
      eps: epsilon,
      weight_decay: weightDecay,
      grad_clip_norm: gradientClipNorm,
    };
    this.#sampler = undefined;
    const reply = await this.#client.submit('optim_step', {
      model_id: this.#model,
      adam_params: adam,
      seq_id: ++this.#sequence,
    });
    const metrics = (reply.metrics ?? {}) as Record<string, unknown>;
    const norm = metrics.grad_norm ?? metrics['grad_norm:mean'] ?? metrics['skyrl.ai/grad_norm'];
    return { gradientNorm: typeof norm === 'number' ? norm : Number.NaN, skipped: false, step: ++this.#optimSteps };
  }

  /** The protocol cannot drop gradients; they are only there between a forward-backward and its step, which the trainer does not break off. */
  async zeroGradients(): Promise<void> {}

  async snapshot(): Promise<void> {
    throw this.#noSnapshots();
  }

  async blendSnapshot(): Promise<void> {
    throw this.#noSnapshots();
  }

  async dropSnapshot(): Promise<void> {}

  /** Saves at the server; the folder gets the name under which it is there. */
  async save(folder: string): Promise<void> {
    const path = `tamtrl-${this.#session}-${this.#sequence}`;
    const reply = await this.#client.submit('save_weights', {
      model_id: this.#model,
      path,
      seq_id: ++this.#sequence,
      overwrite: true,
    });
    await this.#note(folder, {
      path: typeof reply.path === 'string' ? reply.path : path,
      optimizer: true,
      steps: this.#optimSteps,
    });
  }

  /** @throws PolicyError `invalid-argument` for a folder of another server or model. */
  async load(folder: string): Promise<void> {
    const place = join(folder, STATE_FILE);
    let saved: { server?: string; model?: string; path?: string; steps?: number };
    try {
      saved = JSON.parse(await readFile(place, 'utf8'));
    } catch (error) {
      throw new PolicyError(
        'invalid-argument',
        `${place} cannot be read: ${(error as Error).message}. It says where at the server the weights are.`,
        { cause: error },
      );
    }
    if (saved.model !== this.#options.model || typeof saved.path !== 'string') {
      throw new PolicyError(
        'invalid-argument',
        `${place} is of ${saved.model} at ${saved.server}; this is ${this.name}.`,
      );
    }
    // Servers load only into a model that nothing has been done with.
    const before = this.#model;
    if (this.#sequence > 0) {
      this.#model = await createModel(this.#client, this.#session, this.#models++, {
        ...this.#options,
        signal: undefined,
      });
      this.#sequence = 0;
      await this.#unload(before);
    }
    await this.#client.submit('load_weights', {
      model_id: this.#model,
      path: saved.path,
      optimizer: true,
      seq_id: ++this.#sequence,
    });
    this.#optimSteps = saved.steps ?? 0;
    this.#sampler = undefined;
  }

  /** The weights stay at the server: the folder says where. */
  async exportModel(folder: string): Promise<void> {
    const path = `tamtrl-${this.#session}-sampler-${this.#sequence}`;
    const reply = await this.#client.submit('save_weights_for_sampler', {
      model_id: this.#model,
      path,
      seq_id: ++this.#sequence,
    });
    await this.#note(folder, {
      path: typeof reply.path === 'string' ? reply.path : path,
      optimizer: false,
      steps: this.#optimSteps,
    });
  }

  /** Gives the model's place at the server back; a server that does not answer within seconds is left. */
  async close(): Promise<void> {
    this.#client.close();
    await this.#client
      .call('unload_model', { model_id: this.#model }, AbortSignal.timeout(3000))
      .catch(() => undefined);
  }

  async #unload(model: string): Promise<void> {
    await this.#client.call('unload_model', { model_id: model }, AbortSignal.timeout(3000)).catch(() => undefined);
  }

  async #newSampler(signal: AbortSignal | undefined): Promise<string> {
    const body = { model_id: this.#model, sampling_session_seq_id: this.#samplers++, seq_id: ++this.#sequence };
    const { sampling_session_id, path } = await this.#client.submit('save_weights_for_sampler', body, signal);
    if (typeof sampling_session_id === 'string') return sampling_session_id;
    const made = await this.#client.call(
      'create_sampling_session',
      { session_id: this.#session, sampling_session_seq_id: this.#samplers++, model_path: path },
      signal,
    );
    return String(made.sampling_session_id);
  }

  #logProbabilities(rows: readonly TrainingRow[], reply: Record<string, unknown>, path: string): number[][] {
    const outputs = (reply.loss_fn_outputs ?? []) as { logprobs?: { data?: number[] } }[];
    const lists = outputs.map(({ logprobs }) => logprobs?.data);
    if (lists.length !== rows.length || lists.some((list) => list === undefined)) {
      throw new TinkerError(
        'protocol',
        `${this.#client.server} gave log-probabilities of ${lists.length} rows; ${rows.length} were sent.`,
        { server: this.#client.server, path, body: Object.keys(reply) },
      );
    }
    return rows.map((row, at) => completionValues(row, lists[at]!));
  }

  async #note(folder: string, more: object): Promise<void> {
    await mkdir(folder, { recursive: true });
    const note = { server: this.#client.server, model: this.#options.model, ...more };
    await writeFile(join(folder, STATE_FILE), `${JSON.stringify(note, null, 2)}\n`);
  }

  #checkTemperature(temperature = 1): void {
    if (temperature === 1) return;
    throw new PolicyError(
      'capability',
      `${this.name} trains and scores at temperature 1 only; asked for ${temperature}. Set temperature to 1.`,
    );
  }

  #noSnapshots(): PolicyError {
    return new PolicyError('capability', `${this.name} keeps no snapshots: take teacher "self" and klCoefficient 0.`);
  }
}
