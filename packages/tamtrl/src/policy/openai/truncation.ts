/**
 * Servers whose window is smaller than they say cut the beginning of a prompt, or its middle, and answer as if nothing
 * had happened. The count of prompt tokens in the reply gives them away.
 */
import { count } from '../../base/format.js';
import { PolicyError } from '../errors.js';
import type { ServerUsage } from './usage.js';

/** A server has cut a prompt. */
export class TruncatedPrompt extends PolicyError {
  /** Tokens of the prompt as the server counts them. */
  readonly counted: number;
  /** Tokens that it has at least. */
  readonly sent: number;

  constructor(message: string, counted: number, sent: number) {
    super('refused', message);
    this.counted = counted;
    this.sent = sent;
  }
}

/** What was sent, in local terms. */
export interface SentPrompt {
  ids: readonly number[];
  /** The text of those ids, of a server that gets text. */
  textOf?: (ids: readonly number[]) => string;
}

/** No server has a smaller window; llama.cpp and Ollama begin at 256. A smaller count is a wrong count. */
const LEAST_WINDOW = 128;

/** Tokens by which exact counts may differ: a server may add one at the beginning, or leave one out. */
const SLACK = 2;

/** Prompts that are remembered: what they share with the next one may be in the server's cache. */
const REMEMBERED = 16;

/** Prompts of different lengths that a server counts with the same number before that is taken for its window. */
const SAME = 3;

/** Local tokens by which they must differ. */
const DIFFERENT = 16;

/**
 * Share of `leastTokens` that a prompt has for certain. Tokenizers whose tokens reach over spaces save up to a third of
 * the tokens (SuperBPE, arXiv 2503.13423).
 */
const CERTAIN = 0.7;

/** Scripts without spaces; a token holds several words of them. */
const UNSPACED =
  '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}';
const RUN = new RegExp(`[${UNSPACED}]+|(?:(?![${UNSPACED}])[\\p{L}\\p{M}])+|\\p{N}+`, 'gu');
const UNSPACED_RUN = new RegExp(`^[${UNSPACED}]`, 'u');

/** Longest tokens of letters in large vocabularies: a few words of Chinese; long words, and runs of one letter. */
const LONGEST = { unspaced: 8, spaced: 32 };

/**
 * Fewest tokens that a text can have in the tokenizer of a language model: at least one for every run of letters or
 * digits. Punctuation and white space count nothing, because they can be part of other tokens.
 */
export function leastTokens(text: string): number {
  let tokens = 0;
  for (const [run] of text.matchAll(RUN)) {
    tokens += Math.ceil(run.length / (UNSPACED_RUN.test(run) ? LONGEST.unspaced : LONGEST.spaced));
  }
  return Math.floor(CERTAIN * tokens);
}

/** Holds the counts of a server against the prompts that it got. */
export class TruncationGuard {
  readonly #name: string;
  readonly #window: number;
  /** Tells of a server whose counts are of no use. */
  readonly #note: (text: string) => void;
  readonly #earlier: (readonly number[])[] = [];
  /** Lengths of the last prompts, all of which the server counted as `#same` tokens. */
  #same = 0;
  #told = false;
  #lengths = new Set<number>();

  constructor(name: string, window: number, note: (text: string) => void) {
    this.#name = name;
    this.#window = window;
    this.#note = note;
  }

  /**
   * Checks the server's count of a prompt.
   * @returns whether the count can be believed
   * @throws TruncatedPrompt with both numbers.
   */
  check(prompt: SentPrompt, { prompt: counted, cached }: ServerUsage, says = false): boolean {
    const { ids, textOf } = prompt;
    const least = (part: readonly number[]) => (textOf ? leastTokens(textOf(part)) : Math.max(0, part.length - SLACK));
    const sent = least(ids);
    if (says) throw this.#truncated(counted, prompt, sent);
    if (counted === 0) return false;
    // Some servers leave out of the count what they had in their cache.
    const explained = counted + cached >= sent || counted >= least(ids.slice(this.#shared(ids)));
    if (!explained && counted >= LEAST_WINDOW) throw this.#truncated(counted, prompt, sent);
    if (explained) this.#watch(prompt, counted, sent);
    else if (!this.#told) {
      this.#told = true;
      this.#note(
        `${this.#name} counts ${count(counted)} tokens in a prompt of at least ${count(sent)}, which cannot be right: ` +
          'its counts are not used, and a prompt that it cuts is not noticed.',
      );
    }
    this.#earlier.push(ids);
    if (this.#earlier.length > REMEMBERED) this.#earlier.shift();
    return explained;
  }

  /**
   * The same count for prompts of different lengths is that of a window which all of them exceed. Local counts of texts
   * are upper estimates, so a prompt that the server counts higher has not been cut.
   */
  #watch(prompt: SentPrompt, counted: number, sent: number): void {
    if (counted !== this.#same) this.#lengths.clear();
    this.#same = counted;
    const { length } = prompt.ids;
    if (counted < LEAST_WINDOW || counted >= length) return;
    if ([...this.#lengths].some((other) => Math.abs(other - length) < DIFFERENT)) return;
    this.#lengths.add(length);
    if (this.#lengths.size >= SAME) throw this.#truncated(counted, prompt, sent, SAME);
  }

  /** Number of tokens that the prompt shares with an earlier one. */
  #shared(ids: readonly number[]): number {
    let most = 0;
    for (const other of this.#earlier) {
      let at = 0;
      while (at < ids.length && at < other.length && ids[at] === other[at]) at++;
      most = Math.max(most, at);
    }
    return most;
  }

  #truncated(counted: number, { ids, textOf }: SentPrompt, sent: number, same?: number): TruncatedPrompt {
    const found = counted === 0 ? 'fewer' : count(counted);
    const has = textOf
      ? `the prompt has at least ${count(sent)} (${count(ids.length)} by our estimate)`
      : `the prompt has ${count(ids.length)}`;
    const why = same === undefined ? '' : `, as many as in ${same - 1} others of different lengths,`;
    const smaller = counted === 0 ? '' : ` --context-length ${counted} (contextLength), or`;
    return new TruncatedPrompt(
      `${this.#name} cuts prompts: it counts ${found} tokens${why} where ${has}. Its window is smaller than the ` +
        `${count(this.#window)} tokens that it should have. Give it a larger one (llama.cpp: -c, which -np divides; ` +
        `Ollama: OLLAMA_CONTEXT_LENGTH), or read with${smaller} the window that "tamtrl doctor --model" finds.`,
      counted,
      textOf ? sent : ids.length,
    );
  }
}
