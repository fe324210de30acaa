/** Chunking: nothing lost, budgets kept, the same however the text arrives, work that grows with the text only. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { miniTokenizer } from '../data/mini/tokenizer.js';
import { type Chunk, type ChunkOptions, chunkDocuments, chunkStream, omitMiddle } from './chunks.js';
import { type Document, numberedRenderer, plainRenderer, renderDocuments } from './documents.js';
import { loadTokenizer } from './hugging-face-tokenizer.js';
import type { Tokenizer } from './tokenizer.js';

const fixtures = new URL('../../fixtures/', import.meta.url);
const bpe = await loadTokenizer(fileURLToPath(new URL('tokenizers/bpe', fixtures)));
const hotpot = readFileSync(new URL('records/hotpotqa-sample.jsonl', fixtures), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as { documents: Document[] });
const article = hotpot.map(({ documents }) => renderDocuments(documents)).join('');

async function* bits(text: string, sizes: readonly number[]): AsyncGenerator<string> {
  for (let at = 0, turn = 0; at < text.length; turn++) {
    const size = sizes[turn % sizes.length];
    yield text.slice(at, at + size);
    at += size;
  }
}

async function chunksOfStream(text: string, options: ChunkOptions, sizes = [1000], tokenizer: Tokenizer = bpe) {
  const chunks: Chunk[] = [];
  for await (const chunk of chunkStream(bits(text, sizes), tokenizer, options)) chunks.push(chunk);
  return chunks;
}

/** Everything that must hold of any chunks. */
function expectSound(chunks: readonly Chunk[], text: string, chunkTokens: number, tokenizer: Tokenizer = bpe) {
  expect(chunks.map((chunk) => chunk.text).join('')).toBe(text);
  let at = 0;
  chunks.forEach((chunk, index) => {
    expect(chunk.index).toBe(index);
    expect(chunk.start).toBe(at);
    expect(text.slice(chunk.start, chunk.end)).toBe(chunk.text);
    expect(chunk.ids.length).toBeLessThanOrEqual(chunkTokens);
    expect(chunk.ids).toEqual(tokenizer.encode(chunk.text));
    expect(/^[\udc00-\udfff]/.test(chunk.text) && /[\ud800-\udbff]$/.test(text.slice(0, chunk.start))).toBe(false);
    let place = chunk.start;
    for (const piece of chunk.pieces) {
      expect(piece.start).toBe(place);
      expect(piece.documentEnd - piece.documentStart).toBe(piece.end - piece.start);
      place = piece.end;
    }
    expect(place).toBe(chunk.end);
    at = chunk.end;
  });
}

const word = fc.oneof(
  fc.constantFrom(
    'the',
    'Paris. ',
    ' end.\n',
    '\n\n',
    '   ',
    '東京。',
    '😀',
    'a'.repeat(90),
    '\ud83d',
    '\udc00',
    'Mr. X said',
    '\t',
  ),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
);
const prose = fc.array(word, { maxLength: 60 }).map((words) => words.join(' '));
const align = fc.constantFrom<'token' | 'sentence'>('token', 'sentence');

describe('chunkDocuments', () => {
  it('loses nothing, keeps the budget and knows where each character comes from', () => {
    const documents = fc.array(fc.record({ title: fc.string({ maxLength: 8 }), text: prose }), { maxLength: 5 });
    fc.assert(
      fc.property(documents, align, fc.integer({ min: 8, max: 60 }), (some, how, chunkTokens) => {
        const { chunks, omitted } = chunkDocuments(some, bpe, { chunkTokens, align: how });
        expectSound(chunks, renderDocuments(some), chunkTokens);
        expect(omitted).toEqual({ chunks: 0, characters: 0, tokens: 0 });
        for (const chunk of chunks) {
          for (const piece of chunk.pieces) {
            const document = some[piece.document];
            const part = {
              heading: numberedRenderer.heading(document, piece.document),
              text: document.text,
              ending: numberedRenderer.ending(document, piece.document),
            }[piece.part];
            const shown = chunk.text.slice(piece.start - chunk.start, piece.end - chunk.start);
            expect(part.slice(piece.documentStart, piece.documentEnd)).toBe(shown);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('maps pieces of long documents that arrive in several slices', () => {
    const text = article.repeat(2).slice(0, 30_000);
    const { chunks } = chunkDocuments([{ title: 'Long', text }, { text: 'Short.' }], bpe, { chunkTokens: 700 });
    for (const piece of chunks.flatMap((chunk) => chunk.pieces)) {
      if (piece.part === 'text' && piece.document === 0)
        expect(piece.start - piece.documentStart).toBe('Document 1: Long\n'.length);
    }
    expect(chunks.at(-1)?.pieces.map(({ document, part }) => `${document} ${part}`)).toContain('1 text');
  });

  it('fills chunks but for the last word, at word boundaries', () => {
    const { chunks } = chunkDocuments(hotpot[0].documents, bpe, { chunkTokens: 200 });
    const text = renderDocuments(hotpot[0].documents);
    expectSound(chunks, text, 200);
    for (const chunk of chunks.slice(0, -1)) {
      const next = /^\s*\S+/.exec(text.slice(chunk.end))![0];
      expect(bpe.encode(chunk.text + next).length).toBeGreaterThan(200);
      expect(text.slice(chunk.end - 1, chunk.end + 1)).toMatch(/\s/);
    }
  });

  it('ends after a sentence or a line if asked to', () => {
    const { chunks } = chunkDocuments(hotpot[0].documents, bpe, { chunkTokens: 200, align: 'sentence' });
    expectSound(chunks, renderDocuments(hotpot[0].documents), 200);
    for (const chunk of chunks) expect(chunk.text).toMatch(/([.!?]["”)]?|\n)$/);
  });

  it('falls back to words if no sentence ends in the second half', () => {
    const text = `Short. ${'and on and on '.repeat(200)}`;
    const { chunks } = chunkDocuments([{ text }], bpe, { chunkTokens: 50, align: 'sentence', renderer: plainRenderer });
    expectSound(chunks, `${text}\n`, 50);
    expect(chunks[0].ids.length).toBeGreaterThan(45);
  });

  it('cuts within a word only if the word does not fit a chunk', () => {
    const long = 'internationalisation'.repeat(40);
    const { chunks } = chunkDocuments([{ text: `x ${long} y` }], bpe, { chunkTokens: 30, renderer: plainRenderer });
    expectSound(chunks, `x ${long} y\n`, 30);
    expect(chunks.length).toBeGreaterThan(3);
  });

  it('says when a single character has too many tokens', () => {
    expect(() => chunkDocuments([{ text: 'ab 😀 cd' }], bpe, { chunkTokens: 2 })).toThrow(
      /chunkTokens is 2, but the character "😀" alone has \d tokens/,
    );
    expect(() => chunkDocuments([], bpe, { chunkTokens: 0 })).toThrow(/expected a whole number of at least 1/);
  });

  it('leaves out the middle and says how much', () => {
    const all = chunkDocuments(hotpot[0].documents, bpe, { chunkTokens: 100 }).chunks;
    const { chunks, omitted } = chunkDocuments(hotpot[0].documents, bpe, { chunkTokens: 100, maxChunks: 5 });
    expect(chunks.map((chunk) => chunk.text)).toEqual(
      [...all.slice(0, 3), ...all.slice(-2)].map((chunk) => chunk.text),
    );
    expect(chunks.map((chunk) => chunk.index)).toEqual([0, 1, 2, 3, 4]);
    const gone = all.slice(3, -2);
    expect(omitted.chunks).toBe(gone.length);
    expect(omitted.characters).toBe(gone.map((chunk) => chunk.text).join('').length);
    expect(omitted.tokens).toBe(gone.flatMap((chunk) => chunk.ids).length);
    expect(omitMiddle(all, all.length)).toEqual({ chunks: all, omitted: { chunks: 0, characters: 0, tokens: 0 } });
    expect(omitMiddle(all, 1).chunks).toEqual([all[0]]);
    expect(() => omitMiddle(all, 0)).toThrow(/maxChunks is 0/);
  });

  it('works if tokens are whole words and blanks vanish', () => {
    const mini = miniTokenizer();
    const documents = [{ text: 'anna oslo' }, { text: 'ben   rome' }, { text: 'carl paris' }];
    const { chunks } = chunkDocuments(documents, mini, { chunkTokens: 4, renderer: plainRenderer });
    expect(chunks.map((chunk) => chunk.text)).toEqual(['anna oslo\nben   rome\n', 'carl paris\n']);
    expectSound(chunks, renderDocuments(documents, plainRenderer), 4, mini);
  });
});

describe('chunkStream', () => {
  it('does not depend on how the text arrives', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 5 });
    const longer = fc
      .tuple(prose, fc.integer({ min: 0, max: 9000 }))
      .map(([text, at]) => article.slice(at, at + 2500) + text);
    await fc.assert(
      fc.asyncProperty(longer, sizes, align, fc.integer({ min: 8, max: 90 }), async (text, some, how, chunkTokens) => {
        const options = { chunkTokens, align: how };
        const chunks = await chunksOfStream(text, options, some);
        expectSound(chunks, text, chunkTokens);
        const whole = await chunksOfStream(text, options, [text.length]);
        expect(chunks).toEqual(whole);
      }),
      { numRuns: 15 },
    );
  });

  it('holds a small window and tokenizes each character a few times, however long the text', async () => {
    const text = article.repeat(3);
    let encoded = 0;
    const counting: Tokenizer = {
      vocabularySize: bpe.vocabularySize,
      idOf: (token) => bpe.idOf(token),
      decode: (ids, options) => bpe.decode(ids, options),
      controlTokens: bpe.controlTokens,
      encode: (some) => bpe.encode(some),
      encodeText: (some) => {
        encoded += some.length;
        return bpe.encodeText(some);
      },
    };
    let pulled = 0;
    async function* source() {
      for await (const bit of bits(text, [512])) {
        pulled += bit.length;
        yield bit;
      }
    }
    let ahead = 0;
    let length = 0;
    for await (const chunk of chunkStream(source(), counting, { chunkTokens: 250 })) {
      if (pulled < text.length) ahead = Math.max(ahead, pulled - chunk.start);
      length += chunk.text.length;
    }
    expect(length).toBe(text.length);
    // 500 tokens of this text are about 1,600 characters.
    expect(ahead).toBeLessThan(4000);
    expect(encoded).toBeLessThan(3.5 * text.length);
  });

  it.each([
    ['families joined to one', '👩‍👩‍👧‍👦'],
    ['decomposed Hangul', '각'.normalize('NFD')],
    ['marks upon letters', 'é̂'.normalize('NFD')],
    ['flags', '🇳🇴'],
    ['an emoji with a tone of skin', '👍🏽'],
    ['Devanagari', 'क्षि'],
  ])('cuts text without spaces between graphemes: %s', async (_, grapheme) => {
    const text = grapheme.repeat(300);
    const chunks = await chunksOfStream(text, { chunkTokens: 50 }, [7, 100]);
    expectSound(chunks, text, 50);
    expect(chunks.length).toBeGreaterThan(3);
    for (const chunk of chunks) expect(chunk.start % grapheme.length).toBe(0);
  });

  it('cuts a grapheme that never ends', async () => {
    const text = `e${'\u0301'.repeat(5_000)}`;
    expectSound(await chunksOfStream(text, { chunkTokens: 50 }, [100]), text, 50);
  });

  it('yields nothing for an empty stream', async () => {
    expect(await chunksOfStream('', { chunkTokens: 10 })).toEqual([]);
  });
});
