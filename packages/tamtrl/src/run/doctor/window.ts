/** The real window of a model on a server: a word at the beginning of a long prompt has to come back. */
import { count } from '../../base/format.js';
import type { Policy } from '../../policy/types.js';
import { encodeChat } from '../../text/encode-chat.js';
import { inOneLine } from './check.js';

/** The most that is tried: more than a reading sends by default, and what a paid service charges little for. */
const MOST = 16_384;
const LEAST = 256;
const ANSWER = 32;
const WORD = 'zanzibar';
const SENTENCE = 'The boat waits at the pier for the morning tide. ';

export interface WindowFinding {
  /** Local tokens of the longest prompt, its answer included, whose first word came back. */
  window: number;
  /** Tokens that were tried first. */
  tried: number;
  /** What happened to the shortest prompt that was too long; absent if none was. */
  failure?: string;
}

/** Halves the distance until the window is known to a sixteenth. @returns undefined if even a short prompt fails. */
export async function findWindow(policy: Policy): Promise<WindowFinding | undefined> {
  const tried = Math.min(policy.contextLength, MOST);
  let failure = await failureAt(policy, tried);
  if (failure === undefined) return { window: tried, tried };
  if (tried <= LEAST || (await failureAt(policy, LEAST)) !== undefined) return undefined;
  let [good, bad] = [LEAST, tried];
  while (bad - good > bad / 16) {
    const middle = Math.floor((good + bad) / 2);
    const found = await failureAt(policy, middle);
    if (found === undefined) good = middle;
    else [bad, failure] = [middle, found];
  }
  return { window: good, tried, failure };
}

/** Why the word did not come back; undefined if it did. */
async function failureAt(policy: Policy, tokens: number): Promise<string | undefined> {
  const { tokenizer, chat } = policy;
  const promptOf = (repeats: number) =>
    encodeChat(policy, [
      {
        role: 'user',
        content: `The secret word is ${WORD}. ${SENTENCE.repeat(repeats)}What is the secret word? Reply with that word alone.`,
      },
    ]);
  const frame = promptOf(0).length;
  const each = (promptOf(32).length - frame) / 32;
  const promptIds = promptOf(Math.max(0, Math.floor((tokens - ANSWER - frame - 2) / each)));
  try {
    const options = { maxTokens: ANSWER, temperature: 0, stopIds: chat.stopIds };
    const [[{ tokens: ids }]] = await policy.sample([{ promptIds }], options);
    const text = tokenizer.decode(ids, { skipSpecialTokens: true });
    return text.toLowerCase().includes(WORD) ? undefined : `the reply was ${JSON.stringify(text.slice(0, 60))}.`;
  } catch (error) {
    return inOneLine(error);
  }
}

export function windowText({ window, tried, failure }: WindowFinding): string {
  if (failure === undefined) return `a word at the beginning of a prompt of ${count(tried)} tokens came back`;
  return `about ${count(window)} tokens, not ${count(tried)}: use --context-length ${window}, or give the server a larger window. Beyond it: ${failure}`;
}
