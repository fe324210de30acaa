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
  /** Further fields, as they are. */
  extra?: Readonly<Record<string, unknown>>;
}

/** Words of a refusal that is about a field and not about its value alone. */
const COMPLAINT =
  /unsupported|not support|does ?n[o']t support|only|unknown|unrecogni[sz]ed|unexpected|permitted|allowed|extra|deprecated|cannot|use\b/i;

export class ChatDialect {
  #limit: 'max_tokens' | 'max_completion_tokens' = 'max_tokens';
  readonly #left = new Set<string>();

  body({ model, messages, maxTokens, temperature, topP, seed, extra }: ChatFields): Record<string, unknown> {
    const optional = { temperature, top_p: topP, ...(seed === undefined ? {} : { seed }), ...extra };
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
    if (!COMPLAINT.test(said)) return undefined;
    const names = Object.keys(sent).filter(
      (name) => !['model', 'messages', 'max_tokens', 'max_completion_tokens'].includes(name),
    );
    const named = names.filter((name) => new RegExp(`\\b${name}\\b`).test(said) && !this.#left.has(name));
    // Some take one of the two.
    const leave = named.includes('temperature') && named.includes('top_p') ? 'top_p' : named[0];
    if (leave === undefined) return undefined;
    this.#left.add(leave);
    return `${leave} is left to the server`;
  }
}
