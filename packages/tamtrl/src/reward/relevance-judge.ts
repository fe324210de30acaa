/** Relevance by a model: it reads numbered sentences and names those that the answer needs. */
import type { RelevanceJudge } from '../data/relevance.js';
import { withoutThoughts } from '../memory/extract.js';
import type { Policy } from '../policy/types.js';
import { encodeChat } from '../text/encode-chat.js';

export interface RelevanceJudgeOptions {
  signal?: AbortSignal;
}

/** Room for a short thought before the numbers. */
const REPLY_TOKENS = 256;

/** What the judge is asked. It sees the gold answer: it finds evidence, it does not guess. */
export function relevancePrompt(question: string, answers: readonly string[], sentences: readonly string[]): string {
  const numbered = sentences.map((sentence, at) => `${at + 1}. ${sentence.replaceAll(/\s+/g, ' ')}`);
  return `Which of these sentences does one need in order to answer the question? A sentence counts if it states a fact on the way to \
the answer, even if it does not name the answer.

Question: ${question}
Right answer: ${answers.join(' / ')}

Sentences:
${numbered.join('\n')}

End your reply with one line that lists the numbers, or says none, like this: Relevant: 2, 5`;
}

/** The numbers of the last line "Relevant: 2, 5" (or "none"), from 1 to `count`; undefined without such a line. */
export function parseRelevant(reply: string, count: number): number[] | undefined {
  const list = [...withoutThoughts(reply).matchAll(/relevant\W{0,4}:\W*(none\b|\d[\d\s,;and.-]*)/gi)].at(-1)?.[1];
  if (list === undefined) return undefined;
  const numbers = [...list.matchAll(/(\d+)(?:\s*-\s*(\d+))?/g)].flatMap(([, from, to]) => {
    const last = Math.min(Number(to ?? from), count);
    return Array.from({ length: Math.max(0, last - Number(from) + 1) }, (_, at) => Number(from) + at);
  });
  return [...new Set(numbers)].filter((number) => number >= 1 && number <= count).sort((a, b) => a - b);
}

/**
 * A judge for `judged` (data/relevance.ts) that asks `policy`, greedily. Sentences that do not fit into its window go
 * in several questions; one sentence that alone is too long is cut. A reply that names nothing readable marks nothing.
 */
export function relevanceJudge(policy: Policy, options: RelevanceJudgeOptions = {}): RelevanceJudge {
  const { tokenizer, chat, contextLength } = policy;
  const promptOf = (question: string, answers: readonly string[], sentences: readonly string[]) =>
    encodeChat(policy, [{ role: 'user', content: relevancePrompt(question, answers, sentences) }]);

  return async (question, answers, sentences) => {
    const room = contextLength - REPLY_TOKENS;
    const batches: { from: number; sentences: string[]; promptIds: number[] }[] = [];
    for (let from = 0; from < sentences.length; ) {
      let size = sentences.length - from;
      let asked = sentences.slice(from, from + size);
      let promptIds = promptOf(question, answers, asked);
      while (promptIds.length > room && (size > 1 || asked[0].length > 1)) {
        if (size > 1) {
          size = Math.ceil(size / 2);
          asked = sentences.slice(from, from + size);
        } else {
          asked = [asked[0].slice(0, Math.floor(asked[0].length / 2))];
        }
        promptIds = promptOf(question, answers, asked);
      }
      batches.push({ from, sentences: asked, promptIds });
      from += size;
    }
    const replies = await policy.sample(
      batches.map(({ promptIds }) => ({ promptIds })),
      { maxTokens: REPLY_TOKENS, temperature: 0, stopIds: chat.stopIds, seed: 0, signal: options.signal },
    );
    const verdicts = sentences.map(() => false);
    batches.forEach(({ from, sentences: asked }, at) => {
      const reply = tokenizer.decode(replies[at][0].tokens, { skipSpecialTokens: true });
      for (const number of parseRelevant(reply, asked.length) ?? []) verdicts[from + number - 1] = true;
    });
    return verdicts;
  };
}
