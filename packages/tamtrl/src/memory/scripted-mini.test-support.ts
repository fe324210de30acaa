/** A model for tests of the agent: it speaks the mini task's language, and writes what a function says. */
import { miniChat, miniTokenizer } from '../data/mini/tokenizer.js';
import type { GenerateRequest, Sample } from '../policy/types.js';
import type { AgentChunk } from '../text/chunks.js';
import type { MemoryModel } from './turn.js';

export const tokenizer = miniTokenizer();

interface ScriptedOptions {
  contextLength?: number;
  /** The model computes requests together, so that readers ask ahead. */
  speculation?: boolean;
}

/** `reply` answers each prompt, for each sample of it; `calls` holds the prompts of every call. */
export function scripted(
  reply: (prompt: string, sample: number) => string,
  { contextLength = 64, speculation = false }: ScriptedOptions = {},
) {
  const calls: string[][] = [];
  const model: MemoryModel = {
    tokenizer,
    chat: miniChat,
    contextLength,
    ...(speculation && { capabilities: { speculation } as MemoryModel['capabilities'] }),
    sample: async (requests: readonly GenerateRequest[]): Promise<Sample[][]> => {
      calls.push(requests.map(({ promptIds }) => tokenizer.decode(promptIds)));
      return requests.map(({ promptIds, samples = 1 }) =>
        Array.from({ length: samples }, (_, sample): Sample => {
          const tokens = tokenizer.encode(`${reply(tokenizer.decode(promptIds), sample)} <eos>`);
          return { tokens, logProbabilities: tokens.map(() => -0.5), stopReason: 'stop' };
        }),
      );
    },
  };
  return { model, calls };
}

/** What an ideal model writes: the slots of its memory from what it reads; the first value of a key counts. */
export function idealReply(prompt: string): string {
  const [, question, memory, section = ''] =
    /<question> (.*?) <memory> (.*?)(?: <section> (.*?))? <(?:update|answer)>/.exec(prompt)!;
  const known = new Map<string, string>();
  const words = `${memory} ${section}`.split(' ');
  words.forEach((word, at) => {
    const value = words[at + 1];
    if (value !== undefined && value !== '?' && !known.has(word)) known.set(word, value);
  });
  const keys = question.split(' ');
  if (prompt.endsWith('<answer>')) return keys.map((key) => known.get(key) ?? '?').join(' ');
  return keys.map((key) => `${key} ${known.get(key) ?? '?'}`).join(' ');
}

/** Chunks of these texts, made as they are asked for. */
export function* chunksOf(...texts: string[]): Generator<AgentChunk> {
  for (const [index, text] of texts.entries())
    yield { index, ids: tokenizer.encode(text), start: index, end: index + 1 };
}
