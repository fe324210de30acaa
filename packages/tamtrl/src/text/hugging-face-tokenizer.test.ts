/** The tokenizer against ids from Python, and its refusals. */
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HuggingFaceTokenizer, loadTokenizer } from './hugging-face-tokenizer.js';

interface Case {
  text: string;
  ids: number[];
  decoded: string;
  withoutSpecial: string;
  /** With control tokens as text. */
  textIds: number[];
}

const fixture = (name: string) => fileURLToPath(new URL(`../../fixtures/tokenizers/${name}`, import.meta.url));
const casesOf = async (name: string): Promise<Case[]> =>
  JSON.parse(await readFile(join(fixture(name), 'cases.json'), 'utf8'));
const folder = fixture('bpe');
const tokenizer = await loadTokenizer(folder);
const cases = await casesOf('bpe');
const metaspace = await loadTokenizer(fixture('metaspace'));

describe('a byte-level BPE', () => {
  it.each(cases)('agrees with Python on $text', ({ text, ids, decoded, withoutSpecial, textIds }) => {
    expect(tokenizer.encode(text)).toEqual(ids);
    expect(tokenizer.encodeText(text)).toEqual(textIds);
    expect(tokenizer.decode(ids)).toBe(decoded);
    expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(withoutSpecial);
  });

  it('gives back any text exactly', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      }),
    );
  });

  it('does not tidy spaces before punctuation', () => {
    const text = "It is , well , n't 's done . Yes ?";
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });

  it('drops ids outside the vocabulary', () => {
    const ids = tokenizer.encode('Hello');
    expect(tokenizer.decode([5_000_000, ...ids, tokenizer.vocabularySize, -1])).toBe('Hello');
    expect(tokenizer.decode([5_000_000])).toBe('');
    expect(tokenizer.decode([])).toBe('');
  });

  it('knows its size and its control tokens', () => {
    expect(tokenizer.vocabularySize).toBe(1200);
    expect([...tokenizer.controlTokens]).toEqual([
      ['<|endoftext|>', 0],
      ['<|im_start|>', 1],
      ['<|im_end|>', 2],
    ]);
    expect(tokenizer.idOf('<|im_end|>')).toBe(2);
    expect(tokenizer.idOf('no such token')).toBeUndefined();
  });
});

describe('a BPE with U+2581 for spaces and byte fallback', async () => {
  it.each(await casesOf('metaspace'))(
    'agrees with Python on $text',
    ({ text, ids, decoded, withoutSpecial, textIds }) => {
      expect(metaspace.encode(text)).toEqual(ids);
      expect(metaspace.encodeText(text)).toEqual(textIds);
      expect(metaspace.decode(ids)).toBe(decoded);
      expect(metaspace.decode(ids, { skipSpecialTokens: true })).toBe(withoutSpecial);
    },
  );
});

describe('special tokens of its own accord', () => {
  it('are not added, even if the post-processor would', async () => {
    const contents = JSON.parse(await readFile(join(folder, 'tokenizer.json'), 'utf8'));
    contents.post_processor = {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<|endoftext|>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
      special_tokens: { '<|endoftext|>': { id: '<|endoftext|>', ids: [0], tokens: ['<|endoftext|>'] } },
    };
    const adding = new HuggingFaceTokenizer({ tokenizer: contents, config: { add_bos_token: true } });
    expect(adding.encode('Hello')).toEqual(tokenizer.encode('Hello'));
  });
});

describe('refusals', () => {
  it('names a folder without tokenizer.json', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'tokenizer-'));
    await expect(loadTokenizer(empty)).rejects.toThrow(/holds no model: expected a folder with config\.json/);
    await writeFile(join(empty, 'tokenizer.model'), 'x');
    await expect(loadTokenizer(empty)).rejects.toThrow(/has no tokenizer\.json.*save_pretrained/);
  });

  it('names a file that is not JSON, or not an object', async () => {
    const broken = await mkdtemp(join(tmpdir(), 'tokenizer-'));
    await writeFile(join(broken, 'tokenizer.json'), '{"model": ');
    await expect(loadTokenizer(broken)).rejects.toThrow(/tokenizer\.json is not JSON/);
    await writeFile(join(broken, 'tokenizer.json'), '[]');
    await expect(loadTokenizer(broken)).rejects.toThrow(/holds an array, expected a JSON object/);
  });

  it('names contents that are not a tokenizer', () => {
    expect(() => new HuggingFaceTokenizer({ tokenizer: { version: '1.0' } })).toThrow(/has no "model"/);
    expect(() => new HuggingFaceTokenizer({ tokenizer: { model: { type: 'Strange' } } })).toThrow(
      /model type "Strange"\) cannot be used/,
    );
  });
});
