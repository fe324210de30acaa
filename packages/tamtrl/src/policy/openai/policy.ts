/**
 * A model behind an OpenAI-compatible server: vLLM, SGLang, llama.cpp, Ollama, hosted services. In chat mode, the
 * policy sends text, as chat completions or through the Responses API, and the server applies its template. With the
 * model's own tokenizer and a server that takes token ids (vLLM, llama.cpp), it sends token ids, and vLLM scores them
 * too.
 */
import type { ChatFormat } from '../../text/chat.js';
import type { Tokenizer } from '../../text/tokenizer.js';
import { PolicyError } from '../errors.js';
import type {
  Capabilities,
  GenerateOptions,
  GenerateRequest,
  Policy,
  ScoredRow,
  ScoreOptions,
  ScoreRow,
} from '../types.js';
import { askedServer, listed } from './asked-server.js';
import { CountingTokenizer, messageFormat } from './counting-tokenizer.js';
import { ChatDialect, type ChatFields } from './dialect.js';
import { type HttpOptions, JsonClient, RefusedRequest } from './http.js';
import { beginningOf, firstAlone, LEAST_CACHED, SlotCache } from './prefixes.js';
import {
  type ChatReply,
  chatReply,
  promptLogProbabilities,
  type ServerInfo,
  type TokenReply,
  tokenReply,
  windowInProps,
} from './replies.js';
import { type ChatApi, RESPONSES_FIELDS, responsesBody, responsesReply } from './responses.js';
import { TruncationGuard } from './truncation.js';
import type { CountedSample, ServerUsage, Usage } from './usage.js';

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
  /**
   * Sends what the caller guesses of the reply as `prediction`, for models that support predicted outputs. What is
   * predicted wrongly is charged as output. Default false.
   */
  prediction?: boolean;
  /** Sends a `prompt_cache_key` for each beginning of a prompt; default: to OpenAI alone. */
  cacheKey?: boolean;
  /** The API for conversations: chat completions (default), or OpenAI's Responses API, which takes no token ids. */
  api?: ChatApi;
  /** Additional fields for every chat request, such as `{ reasoning_effort: "low" }`, as the API names them. */
  extra?: Readonly<Record<string, unknown>>;
  signal?: AbortSignal;
}

export const DEFAULT_CONTEXT = 8192;

/** Some models refuse less. */
const TRIAL_TOKENS = 16;

/** A message, given once, about replies without usable text. */
const NOTHING: Readonly<Record<NonNullable<ChatReply['nothing']>, (name: string) => string>> = {
  thoughts: (name) =>
    `${name} spent all its tokens on thinking and wrote nothing else. Raise the limits of memory and answer, or ` +
    'turn thinking off.',
  'control-tokens': (name) =>
    `${name} wrote nothing but control tokens. It may be a base model, or the server has no chat template for it.`,
};

/**
 * Finds out which kind of server it is, and opens the model there. One that the server does not list is tried with a
 * small chat.
 * @throws PolicyError `unreachable` if it does not answer; `refused` if it does not accept the key or has no such
 *   model.
 */
export async function openOpenAIPolicy(options: OpenAIPolicyOptions): Promise<OpenAIPolicy> {
  const apiKey = options.apiKey ?? environment('TAMTRL_API_KEY') ?? environment('OPENAI_API_KEY');
  const client = new JsonClient({ ...options, apiKey });
  const { server, doubt } = await askedServer(client, options);
  if (server.kind === 'unknown' || server.kind === 'llama.cpp') {
    const props = await client.probe(`${new URL(client.baseUrl).origin}/props`, options.signal);
    const contextLength = windowInProps(props);
    if (contextLength !== undefined) Object.assign(server, { kind: 'llama.cpp', contextLength });
  }
  const policy = new OpenAIPolicy(options, client, server);
  if (doubt !== undefined && server.kind !== 'llama.cpp') {
    options.note?.(`${client.baseUrl} ${doubt}. Trying the model anyway.`);
    if (policy.mode === 'chat') await policy.tryChat(options.signal);
  }
  return policy;
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
  /** The server's name for it. */
  readonly model: string;
  /** Sums of the server's own counts. */
  readonly usage: Usage = { requests: 0, promptTokens: 0, cachedTokens: 0, completionTokens: 0 };
  /** Used in the mode `chat`. */
  readonly #counting = new CountingTokenizer();
  readonly #client: JsonClient;
  readonly #options: OpenAIPolicyOptions;
  readonly #dialect = new ChatDialect();
  readonly #guard: TruncationGuard;
  readonly #slots = new SlotCache();
  /** Warnings already given: each is given once. */
  readonly #told = new Set<string>();

  constructor(options: OpenAIPolicyOptions, client: JsonClient, server: ServerInfo) {
    const { model, tokenizer, chat, api } = options;
    const takesIds = api !== 'responses' && (server.kind === 'vllm' || server.kind === 'llama.cpp');
    const exact = tokenizer !== undefined && chat !== undefined && takesIds;
    this.model = model;
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
      prefixCache: true,
    };
    this.server = server;
    this.#client = client;
    this.#options = options;
    this.#guard = new TruncationGuard(this.name, this.contextLength, (text) => this.#tell(text));
    if (options.prediction && api === 'responses')
      this.#tell('The Responses API takes no predictions, so none is sent.');
    if (tokenizer !== undefined && api === 'responses')
      this.#tell('The Responses API takes no token ids, so the tokenizer is not used and token counts are estimates.');
  }

  /** Number of requests sent again so far. */
  get retried(): number {
    return this.#client.retried;
  }

  /**
   * @throws PolicyError if a prompt is longer than the window, or if the server refuses or fails; TruncatedPrompt if it
   *   cuts a prompt.
   */
  async sample(requests: readonly GenerateRequest[], options: GenerateOptions): Promise<CountedSample[][]> {
    let finished = 0;
    let tokens = 0;
    const one = async (request: GenerateRequest, number: number): Promise<CountedSample> => {
      const { promptIds, maxTokens = options.maxTokens, seed } = request;
      this.#checkWindow(promptIds.length, maxTokens);
      const sample =
        this.mode === 'tokens'
          ? await this.#sampleTokens(promptIds, maxTokens, seed, number, options)
          : await this.#sampleText(request, maxTokens, number, options);
      tokens += sample.tokens.length;
      options.onProgress?.({ finished: ++finished, total: requests.length, tokens });
      return sample;
    };
    const all = (request: GenerateRequest) =>
      Promise.all(Array.from({ length: request.samples ?? 1 }, (_, number) => one(request, number)));
    // vLLM finds a beginning that another request still computes.
    const { kind } = this.server;
    const order = kind === 'unknown' ? { least: LEAST_CACHED } : kind === 'llama.cpp' ? this.#slots.order : undefined;
    const beginning = ({ promptIds }: GenerateRequest) => order && this.#beginning(promptIds, order.least);
    return firstAlone(requests, beginning, all, order?.others);
  }

  #beginning(promptIds: readonly number[], least = LEAST_CACHED): string | undefined {
    return beginningOf(promptIds, (ids) => this.tokenizer.decode(ids), least);
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
        const read = (reply: unknown, server: string) => promptLogProbabilities(reply, body.prompt, server);
        const all = await this.#client.post('/completions', body, read, options.signal);
        const logProbabilities = all.slice(promptIds.length);
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
    { promptIds, seed, draft }: GenerateRequest,
    maxTokens: number,
    number: number,
    options: GenerateOptions,
  ): Promise<CountedSample> {
    const { prediction, cacheKey = this.#isOpenAI } = this.#options;
    const guess = prediction && draft ? this.#counting.decode(draft) : '';
    const beginning = cacheKey ? this.#beginning(promptIds) : undefined;
    const fields = {
      messages: this.#counting.messages(promptIds),
      maxTokens,
      temperature: options.temperature ?? 1,
      topP: options.topP ?? 1,
      ...this.#seed(seed, number, options),
      ...(guess === '' ? {} : { prediction: guess }),
      ...(beginning === undefined ? {} : { cacheKey: `tamtrl-${beginning}` }),
    };
    const reply = await this.#chat(fields, options.signal);
    const usage = this.#counted(promptIds, reply);
    const ids = this.#counting.encodeReply(reply.content, maxTokens + 1);
    // The counts here are upper estimates, so a reply that fits the server's budget can exceed ours: the rest is cut
    // off and reported as cut.
    const cut = ids.length > maxTokens;
    const { accepted } = reply.usage;
    return {
      tokens: cut ? ids.slice(0, maxTokens) : ids,
      logProbabilities: [],
      stopReason: cut ? 'length' : reply.stopReason,
      ...usage,
      ...(guess !== '' && accepted !== undefined && { acceptedDraft: Math.min(draft?.length ?? 0, accepted) }),
    };
  }

  get #isOpenAI(): boolean {
    return new URL(this.#client.baseUrl).host === 'api.openai.com';
  }

  /**
   * A chat request with the fields that the server takes.
   * @throws PolicyError as `JsonClient.post`, with the models that there are if the model seems to be missing.
   */
  async #chat(fields: Omit<ChatFields, 'model' | 'extra'>, signal: AbortSignal | undefined): Promise<ChatReply> {
    const { model, api } = this.#options;
    const isResponses = api === 'responses';
    const extra = isResponses ? { ...RESPONSES_FIELDS, ...this.#options.extra } : this.#options.extra;
    for (;;) {
      const body = this.#dialect.body({ ...fields, model, extra });
      try {
        const reply = isResponses
          ? await this.#client.post('/responses', responsesBody(body), responsesReply, signal)
          : await this.#client.post('/chat/completions', body, chatReply, signal);
        if (reply.nothing !== undefined) this.#tell(NOTHING[reply.nothing](this.name));
        return reply;
      } catch (error) {
        if (!(error instanceof RefusedRequest)) throw error;
        if (error.status === 404 && !this.server.found && this.server.models.length > 0) {
          throw new PolicyError('refused', `${error.message} The server lists ${listed(this.server)}.`, {
            cause: error,
          });
        }
        if (error.status === 404 && isResponses) {
          throw new PolicyError(
            'refused',
            `${error.message} If the server has no Responses API, leave ?api=responses out of the address.`,
            { cause: error },
          );
        }
        if (error.status !== 400 && error.status !== 422) throw error;
        const change = this.#dialect.learn(error.said, body);
        if (change !== undefined) this.#tell(`${this.name} refuses a field of the request: from now on ${change}.`);
        // A request that was under way when another one learnt is sent again too.
        else if (JSON.stringify(this.#dialect.body({ ...fields, model, extra })) === JSON.stringify(body)) throw error;
      }
    }
  }

  /** One small chat. @throws PolicyError in the server's words if the model is not there. */
  async tryChat(signal?: AbortSignal): Promise<void> {
    const messages = [{ role: 'user', content: 'Say yes.' }];
    await this.#chat({ messages, maxTokens: TRIAL_TOKENS, temperature: 0, topP: 1 }, signal);
  }

  #tell(text: string): void {
    if (this.#told.has(text)) return;
    this.#told.add(text);
    this.#options.note?.(text);
  }

  async #sampleTokens(
    promptIds: readonly number[],
    maxTokens: number,
    seed: number | undefined,
    number: number,
    options: GenerateOptions,
  ): Promise<CountedSample> {
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
      const place = `${new URL(this.#client.baseUrl).origin}/completion`;
      const read = (found: unknown, server: string) => tokenReply(found, 'llama.cpp', server);
      reply = await this.#client.post(place, body, read, options.signal);
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
      const read = (found: unknown, server: string) => tokenReply(found, 'vllm', server);
      reply = await this.#client.post('/completions', body, read, options.signal);
    }
    return {
      tokens: reply.tokens.slice(0, maxTokens),
      logProbabilities: reply.logProbabilities,
      stopReason: reply.stopReason,
      ...this.#counted(promptIds, reply),
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

  /** Adds up the server's counts. @throws TruncatedPrompt if it has cut the prompt. */
  #counted(ids: readonly number[], reply: Pick<TokenReply, 'usage' | 'times' | 'truncated'>): { usage?: ServerUsage } {
    const { usage, truncated } = reply;
    this.#slots.saw(usage, reply.times);
    this.usage.requests++;
    this.usage.promptTokens += usage.prompt;
    this.usage.cachedTokens += usage.cached;
    this.usage.completionTokens += usage.completion;
    const textOf = this.mode === 'chat' ? (part: readonly number[]) => this.#counting.decode(part) : undefined;
    return this.#guard.check({ ids, textOf }, usage, truncated) ? { usage } : {};
  }
}
