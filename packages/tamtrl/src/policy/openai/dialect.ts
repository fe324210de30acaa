/**
 * Which fields of a chat request a server takes. Newer models refuse some that older servers need: what a refusal names
 * is sent in another form, or left out, for the rest of the run.
 */

export interface ChatFields {
  model: string;
  messages: readonly object[];
  maxTokens: number;
  temperature: number;
  topP: number;
  seed?: number;
  /** The probable reply (OpenAI's predicted outputs). */
  prediction?: string;
  /** Requests with the same key go to the same cache (OpenAI's prompt_cache_key). */
  cacheKey?: string;
  /** Further fields, as they are. */
  extra?: Readonly<Record<string, unknown>>;
}

/** Fields that few servers know; a refusal of a request that has one is taken for a refusal of it. */
const RARE = ['prediction', 'prompt_cache_key'];

/** Words of a refusal that is about a field and not about its value alone. */
const COMPLAINT =
  /unsupported|not support|does ?n[o']t support|only|unknown|unrecogni[sz]ed|unexpected|permitted|allowed|extra|deprecated|cannot|use\b/i;

export class ChatDialect {
  #limit: 'max_tokens' | 'max_completion_tokens' = 'max_tokens';
  readonly #left = new Set<string>();

  body(fields: ChatFields): Record<string, unknown> {
    const { model, messages, maxTokens, temperature, topP, seed, prediction, cacheKey, extra } = fields;
    const optional = {
      temperature,
      top_p: topP,
      ...(seed === undefined ? {} : { seed }),
      ...(prediction === undefined ? {} : { prediction: { type: 'content', content: prediction } }),
      ...(cacheKey === undefined ? {} : { prompt_cache_key: cacheKey }),
      ...extra,
    };
    const kept = Object.entries(optional).filter(([name]) => !this.#left.has(name));
    return { model, messages, [this.#limit]: maxTokens, ...Object.fromEntries(kept) };
  }

  /**
   * Adapts to a refusal.
   * @param said the server's words
   * @param sent the body that was refused
   * @returns what changes, as a part of a sentence; undefined if the refusal names no field that could
   */
  learn(said: string, sent: Readonly<Record<string, unknown>>): string | undefined {
    if (this.#limit === 'max_tokens' && said.includes('max_completion_tokens')) {
      this.#limit = 'max_completion_tokens';
      return 'limits are sent as max_completion_tokens';
    }
    const sentRare = RARE.filter((name) => name in sent && !this.#left.has(name));
    const names = Object.keys(sent).filter(
      (name) => !['model', 'messages', 'max_tokens', 'max_completion_tokens'].includes(name),
    );
    const isNamed = (name: string) => new RegExp(`\\b${name}\\b`).test(said) && !this.#left.has(name);
    const named = COMPLAINT.test(said) ? names.filter(isNamed) : [];
    // Some take one of the two.
    const both = named.includes('temperature') && named.includes('top_p') ? 'top_p' : undefined;
    const leave = sentRare.find(isNamed) ?? both ?? named[0] ?? sentRare[0];
    if (leave === undefined) return undefined;
    this.#left.add(leave);
    return RARE.includes(leave) ? `${leave} is left out` : `${leave} is left to the server`;
  }
}
