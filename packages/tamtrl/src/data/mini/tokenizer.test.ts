/** The mini tokenizer: the same ids as in Python, round trips, and a vocabulary that the task can rely on. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chatFormatFromFiles } from '../../text/templates.js';
import { miniChat, miniTokenizer, miniTokenizerFiles } from './tokenizer.js';
import { MINI_BRIDGES, MINI_CITIES, MINI_MARKERS, MINI_NAMES, MINI_VOCABULARY } from './vocabulary.js';

const folder = new URL('../../../fixtures/tokenizers/mini/', import.meta.url);
const tokenizer = miniTokenizer();

describe('mini vocabulary', () => {
  it('has 64 keys, 64 values, no word twice, at most 256 tokens', () => {
    expect(MINI_NAMES.length + MINI_BRIDGES.length).toBe(64);
    expect(MINI_CITIES).toHaveLength(64);
    expect(new Set(MINI_VOCABULARY).size).toBe(MINI_VOCABULARY.length);
    expect(MINI_VOCABULARY.length).toBeLessThanOrEqual(256);
    expect(tokenizer.vocabularySize).toBe(MINI_VOCABULARY.length);
  });

  it('is the tokenizer.json that Python made its cases with', async () => {
    const { tokenizer: contents } = miniTokenizerFiles();
    await expect(`${JSON.stringify(contents)}\n`).toMatchFileSnapshot(fileURLToPath(new URL('tokenizer.json', folder)));
  });
});

describe('mini tokenizer', () => {
  const cases = JSON.parse(readFileSync(new URL('cases.json', folder), 'utf8')) as {
    text: string;
    ids: number[];
    decoded: string;
    withoutSpecial: string;
    textIds: number[];
  }[];

  it.each(cases)('agrees with Python on $text', ({ text, ids, decoded, withoutSpecial, textIds }) => {
    expect(tokenizer.encode(text)).toEqual(ids);
    expect(tokenizer.encodeText(text)).toEqual(textIds);
    expect(tokenizer.decode(ids)).toBe(decoded);
    expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(withoutSpecial);
  });

  it('gives back any sequence of its words', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...MINI_VOCABULARY), { minLength: 1 }), (words) => {
        const text = words.join(' ');
        const ids = tokenizer.encode(text);
        expect(ids).toEqual(words.map((word) => MINI_VOCABULARY.indexOf(word)));
        expect(tokenizer.decode(ids)).toBe(text);
      }),
    );
  });

  it('knows each marker as one token', () => {
    for (const marker of Object.values(MINI_MARKERS))
      expect(tokenizer.encode(marker)).toEqual([tokenizer.idOf(marker)]);
  });
});

describe('mini chat', () => {
  it('is what its Jinja template says', () => {
    const { config } = miniTokenizerFiles();
    const fromTemplate = chatFormatFromFiles({ tokenizerConfig: config }, tokenizer);
    const messages = [
      { role: 'user', content: '<question> anna <update>' },
      { role: 'assistant', content: 'anna ?' },
      { role: 'user', content: 'x' },
    ] as const;
    expect(miniChat.render(messages)).toBe('<question> anna <update> anna ? <eos> x');
    expect(fromTemplate.render(messages)).toBe(miniChat.render(messages));
    expect(fromTemplate.stopIds).toEqual(miniChat.stopIds);
    expect(miniChat.stopIds).toEqual([tokenizer.idOf('<eos>')]);
  });
});
