import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { describe, expect, it } from 'vitest';
import type { GgufValue } from './gguf-header.js';
import { GgufMetadata } from './gguf-model.js';
import { type GgufTokenizer, ggufTokenizer } from './gguf-tokenizer.js';

interface Reference {
  tokens: string[];
  tokenTypes: number[];
  merges: string[];
  texts: string[];
  /** By pre-tokenizer, for each text. */
  ids: Record<string, number[][]>;
}

const url = new URL('../../fixtures/weights/tokenizers.json', import.meta.url);
const reference: Reference = JSON.parse(readFileSync(url, 'utf8'));

function build(pre: string | undefined, changes: Record<string, GgufValue | undefined> = {}): GgufTokenizer {
  const values: Record<string, GgufValue | undefined> = {
    'general.architecture': 'llama',
    'llama.context_length': 512,
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': pre,
    'tokenizer.ggml.tokens': reference.tokens,
    'tokenizer.ggml.token_type': reference.tokenTypes,
    'tokenizer.ggml.merges': reference.merges,
    'tokenizer.ggml.bos_token_id': 0,
    'tokenizer.ggml.eos_token_id': 1,
    'tokenizer.ggml.padding_token_id': 1,
    'tokenizer.chat_template': '{{ messages }}',
    ...changes,
  };
  const present = Object.entries(values).filter((entry): entry is [string, GgufValue] => entry[1] !== undefined);
  return ggufTokenizer(new GgufMetadata('x.gguf', new Map(present)));
}

function load({ tokenizer, config }: GgufTokenizer): Tokenizer {
  // Through JSON, as a program that reads the written folder sees it.
  return new Tokenizer(JSON.parse(JSON.stringify(tokenizer)), JSON.parse(JSON.stringify(config)));
}

describe.each(Object.keys(reference.ids))('%s', (pre) => {
  const tokenizer = load(build(pre));

  it.each(reference.texts.map((text, i) => [text, reference.ids[pre][i]] as const))('%j', (text, ids) => {
    expect(tokenizer.encode(text, { add_special_tokens: false }).ids).toEqual(ids);
    if (ids.length > 0)
      expect(tokenizer.decode(ids, { skip_special_tokens: false })).toBe(
        pre === 'qwen2' ? text.normalize('NFC') : text,
      );
  });
});

it('control tokens are special, user-defined ones are not, unused ones are left out', () => {
  const { tokenizer } = build('qwen2');
  expect(tokenizer.added_tokens.map(({ content, special }) => [content, special])).toEqual([
    ['<|start|>', true],
    ['<|end|>', true],
    ['<think>', false],
  ]);
  expect(Object.keys(tokenizer.model.vocab)).toHaveLength(reference.tokens.length - 1);
  expect(tokenizer.model.vocab).not.toHaveProperty('[PAD0]');
});

it('text begins with BOS as the file says, or by default as in llama.cpp', () => {
  const begins = (pre: string, flag?: boolean) => {
    const tokenizer = load(build(pre, { 'tokenizer.ggml.add_bos_token': flag }));
    return tokenizer.encode('a').ids[0] === 0;
  };
  expect([begins('smollm'), begins('smollm', true), begins('llama-bpe'), begins('llama-bpe', false)]).toEqual([
    false,
    true,
    true,
    false,
  ]);
});

it('configuration: tokens by their names, template, length, several ends of text', () => {
  const { config, generationConfig, eosTokenIds } = build('qwen2', { 'tokenizer.ggml.eot_token_id': 5 });
  expect(config).toMatchObject({
    bos_token: '<|start|>',
    eos_token: '<|end|>',
    pad_token: '<|end|>',
    chat_template: '{{ messages }}',
    model_max_length: 512,
  });
  expect(config).not.toHaveProperty('unk_token');
  expect(generationConfig).toEqual({ bos_token_id: 0, eos_token_id: [1, 5], pad_token_id: 1 });
  expect(eosTokenIds).toEqual([1, 5]);
  expect(build('qwen2').generationConfig.eos_token_id).toBe(1);
});

describe('refusals', () => {
  it.each([
    ['WordPiece', 'qwen2', { 'tokenizer.ggml.model': 'bert' }, 'unsupported', 'WordPiece'],
    ['unknown rule', 'deepseek-llm', {}, 'unsupported', 'deepseek-llm'],
    ['a name of Object', 'constructor', {}, 'unsupported', 'constructor'],
    ['no rule', undefined, {}, 'unsupported', 'default'],
    ['no vocabulary', 'qwen2', { 'tokenizer.ggml.tokens': undefined }, 'file', 'tokenizer.ggml.tokens'],
    ['no merges', 'qwen2', { 'tokenizer.ggml.merges': undefined }, 'file', 'tokenizer.ggml.merges'],
    ['no tokenizer', 'qwen2', { 'tokenizer.ggml.model': undefined }, 'file', 'tokenizer.ggml.model'],
    ['types too few', 'qwen2', { 'tokenizer.ggml.token_type': [1] }, 'file', 'token types'],
    ['merge of one token', 'qwen2', { 'tokenizer.ggml.merges': ['ab'] }, 'file', '"ab"'],
    ['end beyond the vocabulary', 'qwen2', { 'tokenizer.ggml.eos_token_id': 9999 }, 'file', 'eos_token_id'],
    ['wrong type of value', 'qwen2', { 'tokenizer.ggml.tokens': [1, 2] }, 'file', 'a list of strings'],
  ])('%s', (_, pre, changes, kind, message) => {
    expect(() => build(pre, changes)).toThrow(
      expect.objectContaining({ kind, message: expect.stringContaining(message) }),
    );
  });
});

describe('SentencePiece', () => {
  const tokens = [
    '<unk>',
    '<s>',
    '</s>',
    '<0xC3>',
    '<0xA9>',
    '  ',
    'he',
    '\u2581h',
    'l',
    'o',
    'h',
    'e',
    '\u2581',
    'lo',
    'hel',
  ];
  const types = [2, 3, 3, 6, 6, 4, ...Array<number>(9).fill(1)];
  // The earlier token joins first.
  const scores = tokens.map((_, id) => -id);
  const open = (changes: Record<string, GgufValue | undefined> = {}) =>
    build(undefined, {
      'tokenizer.ggml.model': 'llama',
      'tokenizer.ggml.tokens': tokens,
      'tokenizer.ggml.token_type': types,
      'tokenizer.ggml.scores': scores,
      'tokenizer.ggml.merges': undefined,
      'tokenizer.ggml.bos_token_id': 1,
      'tokenizer.ggml.eos_token_id': 2,
      'tokenizer.ggml.padding_token_id': undefined,
      'tokenizer.ggml.unknown_token_id': 0,
      'tokenizer.ggml.add_space_prefix': false,
      ...changes,
    });
  const ids = (text: string, changes?: Record<string, GgufValue | undefined>) =>
    load(open(changes)).encode(text, { add_special_tokens: false }).ids;
  const named = (text: string, changes?: Record<string, GgufValue | undefined>) =>
    ids(text, changes).map((id: number) => tokens[id]);

  it('joins by score: the best pair of the text first, whatever stands before it', () => {
    // "he", then "lo", and only then "hel", the token with the lowest score.
    expect(named('hello')).toEqual(['hel', 'lo']);
    // "he" comes before "\u2581h".
    expect(named(' hello')).toEqual(['\u2581', 'hel', 'lo']);
    expect(named(' ho')).toEqual(['\u2581h', 'o']);
  });

  it('writes what it lacks as bytes, keeps tokens that users defined, and gives the text back', () => {
    expect(named('h  o\u00e9')).toEqual(['h', '  ', 'o', '<0xC3>', '<0xA9>']);
    const tokenizer = load(open());
    for (const text of ['hello', 'h  o\u00e9 he', ' h']) {
      expect(tokenizer.decode(tokenizer.encode(text).ids, { skip_special_tokens: true })).toBe(text);
    }
  });

  it('begins with BOS by default, and with a space where the file says so or says nothing', () => {
    expect(load(open()).encode('h').ids[0]).toBe(1);
    expect(load(open({ 'tokenizer.ggml.add_bos_token': false })).encode('h').ids).toEqual([10]);
    const prefixed = { 'tokenizer.ggml.add_space_prefix': undefined };
    expect(named('ho', prefixed)).toEqual(['\u2581h', 'o']);
    const tokenizer = load(open(prefixed));
    expect(tokenizer.decode(tokenizer.encode('ho').ids, { skip_special_tokens: true })).toBe('ho');
  });

  it.each([
    [{ 'tokenizer.ggml.scores': undefined }, 'tokenizer.ggml.scores'],
    [{ 'tokenizer.ggml.scores': [1, 2] }, '15 scores'],
  ])('refuses a vocabulary with scores missing: %j', (changes, message) => {
    expect(() => open(changes)).toThrow(
      expect.objectContaining({ kind: 'file', message: expect.stringContaining(message) }),
    );
  });
});
