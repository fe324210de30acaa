/**
 * A model behind an OpenAI-compatible server: vLLM, SGLang, llama.cpp, Ollama, hosted services. In chat mode, the
 * policy sends text and the server applies its template. With the model's own tokenizer and a server that takes token
 * ids (vLLM, llama.cpp), it sends token ids, and vLLM scores them too.
 */
import type { ChatFormat } from '../../text/chat.js';
import type { Tokenizer } from '../../text/tokenizer.js';
import { PolicyError } from '../errors.js';
import type {
  Capabilities,
  GenerateOptions,
  GenerateRequest,
  Policy,
  Sample,
  ScoredRow,
  ScoreOptions,
  ScoreRow,
} from '../types.js';
import { CountingTokenizer, messageFormat } from './counting-tokenizer.js';
import { type HttpOptions, JsonClient } from './http.js';
import {
  chatReply,
  promptLogProbabilities,
  type ServerInfo,
  serverInfo,
  type TokenReply,
  tokenReply,
} from './replies.js';

export interface OpenAIPolicyOptions extends Omit<HttpOptions, 'apiKey'> {
  /** The server's name for the model. */
  model: string;
  /** Default: TAMTRL_API_KEY or OPENAI_API_KEY of the environment. */
  apiKey?: string;
  /**
   * The model's own tokenizer, for requests in token ids. Without it, text is sent and token counts are upper
   * estimates.
   */
  tokenizer?: Tokenizer;
  chat?: ChatFormat;
  /** Maximum number of tokens of prompt and completion together; default: the server's value, else 8,192. */
  contextLength?: number;
  /** Additional fields for every chat request, such as `{ reasoning_effort: "low" }`. */
  extra?: Readonly<Record<string, unknown>>;
  signal?: AbortSignal;
}

export const DEFAULT_CONTEXT = 8192;

/** Usage as counted by the server. */
export interface Usage {
  requests: number;
  promptTokens: number;
  completionTokens: number;
}

/**
 * Finds out which kind of server it is, and opens the model there.
 * @throws PolicyError `unreachable` if it does not answer; `refused` if it does not accept the key or has no such
 *   model.
 */
export async function openOpenAIPolicy(options: OpenAIPolicyOptions): Promise<OpenAIPolicy> {
  const apiKey = options.apiKey ?? environment('TAMTRL_API_KEY') ?? environment('OPENAI_API_KEY');
  const client = new JsonClient({ ...options, apiKey });
  const server = serverInfo(await client.get('/models', options.signal), options.model);
  if (server.models.length > 0 && !server.found && server.kind !== 'llama.cpp') {
    throw new PolicyError(
      'refused',
      `${client.baseUrl} has no model "${options.model}". It has: ${server.models.slice(0, 20).join(', ')}.`,
    );
  }
  if (server.kind === 'unknown' || server.kind === 'llama.cpp') {
    const props = await client.probe(`${new URL(client.baseUrl).origin}/props`, options.signal);
    const n = (props as { default_generation_settings?: { n_ctx?: unknown } })?.default_generation_settings?.n_ctx;
    if (typeof n === 'number' && n > 0) Object.assign(server, { kind: 'llama.cpp', contextLength: n });
  }
  return new OpenAIPolicy(options, client, server);
}

function environment(name: string): string | undefined {
  // Not every runtime has `process`.
  const value = (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env?.[name];
  return value === '' ? undefined : value;
}

export class OpenAIPolicy implements Policy {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly tokenizer: Tokenizer;
  readonly chat: ChatFormat;
  readonly contextLength: number;
  /** `tokens`: ids are sent and returned; `chat`: text. */
  readonly mode: 'tokens' | 'chat';
  readonly server: ServerInfo;
  readonly usage: Usage = { requests: 0, promptTokens: 0, completionTokens: 0 };
  /** Used in the mode `chat`. */
  readonly #counting = new CountingTokenizer();
  readonly #client: JsonClient;
  readonly #options: OpenAIPolicyOptions;

  constructor(options: OpenAIPolicyOptions, client: JsonClient, server: ServerInfo) {
    const { model, tokenizer, chat } = options;
    const exact =
      tokenizer !== undefined && chat !== undefined && (server.kind === 'vllm' || server.kind === 'llama.cpp');
    this.name = `${model} at ${client.baseUrl}`;
    this.mode = exact ? 'tokens' : 'chat';
    this.tokenizer = exact ? tokenizer : this.#counting;
    this.chat = exact ? chat : messageFormat;
    this.contextLength = options.contextLength ?? server.contextLength ?? DEFAULT_CONTEXT;
    this.capabilities = {
      score: exact && server.kind === 'vllm',
      snapshots: false,
      averages: false,
      train: false,
      exactLogProbabilities: false,
    };
    this.server = server;
    this.#client = client;
    this.#options = options;
  }

  /** Number of requests sent again so far. */
  get retried(): number {
    return this.#client.retried;
  }

  /** @throws PolicyError if a prompt is longer than the window, or if the server refuses or fails. */
  async sample(requests: readonly GenerateRequest[], options: GenerateOptions): Promise<Sample[][]> {
    let finished = 0;
    let tokens = 0;
    const one = async (
      { promptIds, maxTokens = options.maxTokens, seed }: GenerateRequest,
      number: number,
    ): Promise<Sample> => {
      this.#checkWindow(promptIds.length, maxTokens);
      const sample =
        this.mode === 'tokens'
          ? await this.#sampleTokens(promptIds, maxTokens, seed, number, options)
          : await this.#sampleText(promptIds, maxTokens, seed, number, options);
      tokens += sample.tokens.length;
      options.onProgress?.({ finished: ++finished, total: requests.length, tokens });
      return sample;
    };
    return Promise.all(
      requests.map((request) =>
        Promise.all(Array.from({ length: request.samples ?? 1 }, (_, number) => one(request, number))),
      ),
    );
  }

  async score(rows: readonly ScoreRow[], options: ScoreOptions = {}): Promise<ScoredRow[]> {
    if (!this.capabilities.score) {
      throw new PolicyError(
        'capability',
        `${this.name} cannot score given tokens. vLLM can, if you give the model's tokenizer.`,
      );
    }
    if (options.temperature !== undefined && options.temperature !== 1) {
      throw new PolicyError(
        'capability',
        `${this.name} scores at temperature 1 only; asked for ${options.temperature}.`,
      );
    }
    return Promise.all(
      rows.map(async ({ promptIds, completionIds }) => {
        const body = {
          model: this.#options.model,
          prompt: [...promptIds, ...completionIds],
          max_tokens: 1,
          prompt_logprobs: 1,
          temperature: 0,
        };
        const reply = await this.#client.post('/completions', body, options.signal);
        const logProbabilities = promptLogProbabilities(
          reply,
          [...promptIds, ...completionIds],
          this.#client.baseUrl,
        ).slice(promptIds.length);
        // The reply has only the most probable tokens, so entropies are unknown.
        return { logProbabilities, entropies: logProbabilities.map(() => Number.NaN) };
      }),
    );
  }

  async close(): Promise<void> {}

  #checkWindow(prompt: number, completion: number): void {
    if (prompt + completion <= this.contextLength) return;
    throw new PolicyError(
      'invalid-argument',
      `A prompt of ${prompt} tokens and up to ${completion} new tokens exceed the window of ${this.name}, ` +
        `${this.contextLength} tokens.`,
    );
  }

  async #sampleText(
    promptIds: readonly number[],
    maxTokens: number,
    seed: number | undefined,
    number: number,
    options: GenerateOptions,
  ): Promise<Sample> {
    const body = {
      model: this.#options.model,
      messages: this.#counting.messages(promptIds),
      max_tokens: maxTokens,
      temperature: options.temperature ?? 1,
      top_p: options.topP ?? 1,
      ...this.#seed(seed, number, options),
      ...this.#options.extra,
    };
    const reply = chatReply(await this.#client.post('/chat/completions', body, options.signal), this.#client.baseUrl);
    this.#count(reply.usage);
    const ids = this.#counting.encodeReply(reply.content);
    // The counts here are upper estimates, so a reply that fits the server's budget can exceed ours: the rest is cut
    // off and reported as cut.
    const cut = ids.length > maxTokens;
    return {
      tokens: cut ? ids.slice(0, maxTokens) : ids,
      logProbabilities: [],
      stopReason: cut ? 'length' : reply.stopReason,
    };
  }

  async #sampleTokens(
    promptIds: readonly number[],
    maxTokens: number,
    seed: number | undefined,
    number: number,
    options: GenerateOptions,
  ): Promise<Sample> {
    const { temperature = 1, topP = 1, topK = 0 } = options;
    const common = { temperature, top_p: topP, ...this.#seed(seed, number, options) };
    const stop = this.chat.stopIds;
    let reply: TokenReply;
    if (this.server.kind === 'llama.cpp') {
      const body = {
        ...common,
        prompt: promptIds,
        n_predict: maxTokens,
        top_k: topK,
        min_p: 0,
        n_probs: 1,
        return_tokens: true,
        cache_prompt: true,
      };
      reply = tokenReply(
        await this.#client.post(`${new URL(this.#client.baseUrl).origin}/completion`, body, options.signal),
        'llama.cpp',
        this.#client.baseUrl,
      );
    } else {
      const body = {
        ...common,
        model: this.#options.model,
        prompt: promptIds,
        max_tokens: maxTokens,
        logprobs: 1,
        return_token_ids: true,
        stop_token_ids: stop,
        ...(topK > 0 ? { top_k: topK } : {}),
      };
      reply = tokenReply(await this.#client.post('/completions', body, options.signal), 'vllm', this.#client.baseUrl);
    }
    this.#count(reply.usage);
    return {
      tokens: reply.tokens.slice(0, maxTokens),
      logProbabilities: reply.logProbabilities,
      stopReason: reply.stopReason,
    };
  }

  /** One seed for each rollout. Servers that do not know seeds ignore it. */
  #seed(
    seed: number | undefined,
    number: number,
    { temperature = 1, seed: common = 0 }: GenerateOptions,
  ): { seed?: number } {
    if (temperature === 0) return {};
    return { seed: ((seed ?? common) + 7919 * number) % 2 ** 31 };
  }

  #count(usage: { prompt: number; completion: number }): void {
    this.usage.requests++;
    this.usage.promptTokens += usage.prompt;
    this.usage.completionTokens += usage.completion;
  }
}
