/**
 * Sampling on a server, and how to notice one that does not sample as requested: that leaves out stop tokens,
 * or gives copies for samples.
 */
import { streamSeed } from '../../base/seeds.js';
import type { Tokenizer } from '../../text/tokenizer.js';
import { Gate } from '../patience.js';
import type { GenerateOptions, GenerateRequest, Sample } from '../types.js';
import type { TinkerClient } from './client.js';
import { modelInput } from './datum.js';
import { type SampledSequence, sequencesIn } from './replies.js';

export interface RemoteSamplingOptions {
  tokenizer: Tokenizer;
  /** Requests in flight; default 256. */
  concurrency?: number;
  note?: (text: string) => void;
}

export class RemoteSampling {
  readonly #client: TinkerClient;
  readonly #gate: Gate;
  readonly #controlIds: ReadonlySet<number>;
  readonly #note: ((text: string) => void) | undefined;
  /** Warnings already given: each is given once. */
  readonly #told = new Set<string>();
  #draws = 0;
  /** The server gives copies for the samples of one request, so each sample is a separate request. */
  #apart = false;

  constructor(client: TinkerClient, { tokenizer, concurrency = 256, note }: RemoteSamplingOptions) {
    this.#client = client;
    this.#gate = new Gate(concurrency);
    this.#controlIds = new Set(tokenizer.controlTokens.values());
    this.#note = note;
  }

  /**
   * [requests][samples]
   * @param session the server's sampling session
   */
  async sample(session: string, requests: readonly GenerateRequest[], options: GenerateOptions): Promise<Sample[][]> {
    const { temperature = 1, topP = 1, topK = 0, onProgress } = options;
    let finished = 0;
    let tokens = 0;
    // All requests of a turn start together, up to the gate's limit.
    const drawn = await Promise.all(
      requests.map(async (request) => {
        const samples = await this.#draw(session, request, options);
        tokens += samples.reduce((sum, each) => sum + each.tokens.length, 0);
        onProgress?.({ finished: ++finished, total: requests.length, tokens });
        return samples;
      }),
    );
    // Log-probabilities tell how likely equal samples are only where the samples are drawn from that distribution.
    const comparable = temperature === 1 && topK === 0 && !this.#apart;
    const several = comparable ? drawn.filter(({ length }) => length > 1) : [];
    if (several.length === 0 || !areCopies(several, topP)) return drawn;
    this.#apart = true;
    this.#tell(
      `${this.#client.server} returns copies of one sample when it is asked for several, and a group of identical rollouts ` +
        'teaches nothing. From now on, each sample is a separate request with its own seed.',
    );
    return Promise.all(
      requests.map((request, at) => (drawn[at].length > 1 ? this.#draw(session, request, options) : drawn[at])),
    );
  }

  /** The samples of one request. */
  async #draw(session: string, request: GenerateRequest, options: GenerateOptions): Promise<Sample[]> {
    const { samples = 1, seed = options.seed ?? 0 } = request;
    if (!this.#apart || samples === 1) return this.#ask(session, request, samples, seed, options);
    const each = Array.from({ length: samples }, (_, number) =>
      this.#ask(session, request, 1, streamSeed(seed, number), options),
    );
    return (await Promise.all(each)).flat();
  }

  async #ask(
    session: string,
    { promptIds, maxTokens: own }: GenerateRequest,
    num_samples: number,
    seed: number,
    options: GenerateOptions,
  ): Promise<Sample[]> {
    const { temperature = 1, topP = 1, topK = 0, stopIds = [], signal } = options;
    const maxTokens = own ?? options.maxTokens;
    const body = {
      sampling_session_id: session,
      seq_id: ++this.#draws,
      num_samples,
      prompt: modelInput(promptIds),
      sampling_params: {
        max_tokens: maxTokens,
        temperature,
        top_p: topP,
        top_k: topK > 0 ? topK : -1,
        seed: seed % 2 ** 31,
        stop: stopIds,
      },
    };
    const result = await this.#gate.run(signal, () => this.#client.submit('asample', body, { signal }));
    const sequences = sequencesIn(result, num_samples);
    if (sequences === undefined) {
      const what = `was asked for ${num_samples} samples with log-probabilities, and gave something else, in its answer`;
      throw this.#client.unexpected('asample', result, what);
    }
    return sequences.map((sequence) => {
      const { sample, stripped } = sampleOf(sequence, { stopIds, maxTokens, controlIds: this.#controlIds });
      if (stripped) {
        this.#tell(
          `${this.#client.server} leaves the stop token out of its samples. It is added, so that the model is trained to end.`,
        );
      }
      return sample;
    });
  }

  #tell(text: string): void {
    if (this.#told.has(text)) return;
    this.#told.add(text);
    this.#note?.(text);
  }
}

export interface SampleLimits {
  /** The first is the one that a chat template writes. */
  stopIds: readonly number[];
  maxTokens: number;
  /** Tokens that structure a conversation. One of them at the end is an end too, which the server knows of. */
  controlIds: ReadonlySet<number>;
}

/**
 * Some servers do not stop at the stop tokens, and some always report "stop". Some leave out the stop token: it is
 * added, since a model that is never trained on it forgets how to end. `stripped` says so.
 */
export function sampleOf(
  { tokens, logprobs, stop_reason }: SampledSequence,
  { stopIds, maxTokens, controlIds }: SampleLimits,
): { sample: Sample; stripped: boolean } {
  const end = tokens.findIndex((id) => stopIds.includes(id));
  if (end >= 0) {
    const sample: Sample = {
      tokens: tokens.slice(0, end + 1),
      logProbabilities: logprobs.slice(0, end + 1),
      stopReason: 'stop',
    };
    return { sample, stripped: false };
  }
  // Before its limit nothing but a stop token ends a sequence, unless the server says so.
  const stopped = tokens.length < maxTokens && stop_reason !== 'length';
  const stripped = stopped && stopIds.length > 0 && !controlIds.has(tokens.at(-1) ?? -1);
  const sample: Sample = {
    tokens: stripped ? [...tokens, stopIds[0]] : tokens,
    logProbabilities: stripped ? [...logprobs, Number.NaN] : logprobs,
    stopReason: stopped ? 'stop' : 'length',
  };
  return { sample, stripped };
}

/** Probability below which equal samples are not a coincidence. */
const NO_COINCIDENCE = 1e-6;

/**
 * Whether a server gave equal samples where they should be independent, as one does that starts every sample of a
 * request from the same seed. Certain of its samples a model may be too: the log-probabilities tell how likely it was
 * to write the first one of each request again and again.
 * @param groups the samples of each request, at temperature 1
 * @param topP a token's probability was at most this many times greater
 */
export function areCopies(groups: readonly (readonly Sample[])[], topP: number): boolean {
  let logChance = 0;
  for (const [first, ...others] of groups) {
    if (others.some(({ tokens }) => tokens.join() !== first.tokens.join())) return false;
    const known = first.logProbabilities.filter((value) => !Number.isNaN(value));
    const log = known.reduce((sum, value) => sum + Math.min(0, value - Math.log(topP)), 0);
    logChance += log * others.length;
  }
  return logChance < Math.log(NO_COINCIDENCE);
}
