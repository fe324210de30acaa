/** A model whose notes are known, and texts for it. */
import { expect } from 'vitest';
import { given } from '../base/objects.js';
import type { MemoryModel } from '../memory/turn.js';
import { CountingTokenizer, messageFormat } from '../policy/openai/counting-tokenizer.js';
import type { Wanted } from './extent.js';
import type { TextSource } from './input.js';
import { withLines } from './places.js';
import { MemoryReader } from './reader.js';
import type { ReaderState } from './state.js';

/** Notes the last four lines that begin with "note", one below the other. Its notes do not depend on the chunks. */
export function noting(failAt = Number.POSITIVE_INFINITY): MemoryModel & { calls: number } {
  const tokenizer = new CountingTokenizer();
  const model = {
    tokenizer,
    chat: messageFormat,
    contextLength: 4000,
    calls: 0,
    sample: async (requests: readonly { promptIds: readonly number[] }[]) => {
      if (++model.calls >= failAt) throw new Error('connection lost');
      return requests.map(({ promptIds }) => {
        const prompt = tokenizer.decode([...promptIds]);
        const within = (tag: string) => new RegExp(`<${tag}>\\n([^]*)\\n</${tag}>`).exec(prompt)?.[1] ?? '';
        const noted = [...`${within('notes')}\n${within('section')}`.matchAll(/note\d+/g)].map(([word]) => word);
        const last = noted.filter((word, at) => noted.lastIndexOf(word) === at).slice(-4);
        return [
          { tokens: tokenizer.encode(last.join('\n') || 'none'), logProbabilities: [], stopReason: 'stop' as const },
        ];
      });
    },
  };
  return model;
}

export const OPTIONS = {
  question: 'What was noted?',
  chunkTokens: 40,
  memoryTokens: 40,
  answerTokens: 10,
  questionTokens: 10,
};

async function* cut(text: string, size: number) {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
}

const linesOf = (text: string): TextSource => withLines(cut(text, 700));

export async function readingOf(
  text: string,
  state?: ReaderState,
  model = noting(),
  { onNote, only }: { onNote?: (note: string) => void; only?: Wanted } = {},
) {
  const saved = state && (JSON.parse(JSON.stringify(state)) as ReaderState);
  const reader = new MemoryReader({ ...OPTIONS, model, ...given({ onNote, state: saved }) });
  await reader.readAll(linesOf(text), { whole: true, ...given({ only }) });
  return reader;
}

const WORDS = 'the ship left bristol in spring and came back when leaves were falling slowly over the harbour'.split(
  ' ',
);

/** Lines of words, no two of which are the same; those at `noted` are noted. */
export function story(lines: number, noted: readonly number[]): string[] {
  return Array.from({ length: lines }, (_, line) => {
    const words = WORDS.map((word, at) => (at % 7 === line % 7 ? `${word}${line}` : word)).slice(line % 5);
    return noted.includes(line) ? `note${line} ${words.join(' ')}` : words.join(' ');
  });
}

/** All pieces of the memory lie where they are said to. */
export function expectSources(reader: MemoryReader, text: string): void {
  for (const { text: piece, source } of reader.state().questions[0].pieces) {
    if (piece === 'none') continue;
    expect(source, piece).toBeDefined();
    const { start, end, place, chunk } = source!;
    expect(text.slice(start, end)).toBe(piece);
    expect(place).toBe(`line ${text.slice(0, start).split('\n').length}`);
    expect(chunk).toBeLessThan(reader.turns);
  }
}
