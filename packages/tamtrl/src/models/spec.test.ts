/** Addresses of models: what each form means, and what is refused. */
import { describe, expect, it } from 'vitest';
import { parseModelSpec } from './spec.js';

describe('models on this machine', () => {
  it.each([
    ['mini', { kind: 'embedded', name: 'mini' }],
    ['babi', { kind: 'embedded', name: 'babi' }],
    ['mini-random', { kind: 'random', name: 'mini' }],
    ['babi-random', { kind: 'random', name: 'babi' }],
    ['./mini', { kind: 'folder', path: './mini' }],
    ['runs/a/checkpoints/best', { kind: 'folder', path: 'runs/a/checkpoints/best' }],
    ['models/small.Q4.gguf', { kind: 'gguf', path: 'models/small.Q4.gguf' }],
    ['models/SMALL.GGUF', { kind: 'gguf', path: 'models/SMALL.GGUF' }],
    ['C:\\models\\small.gguf', { kind: 'gguf', path: 'C:\\models\\small.gguf' }],
    ['openai', { kind: 'folder', path: 'openai' }],
    ['', { kind: 'folder', path: '' }],
  ])('%s', (spec, parsed) => expect(parseModelSpec(spec)).toEqual(parsed));
});

describe('models on the hub', () => {
  it.each([
    ['hf:a/b', { repository: 'a/b' }],
    ['hf:a/b@v1', { repository: 'a/b', revision: 'v1' }],
    ['hf:a/b.c@refs/pr/2:sub/x.gguf', { repository: 'a/b.c', revision: 'refs/pr/2', file: 'sub/x.gguf' }],
  ])('%s', (spec, parsed) => expect(parseModelSpec(spec)).toEqual({ kind: 'hub', ...parsed }));

  it.each(['hf:', 'hf:nobody', 'hf:a/b/c', 'hf:a/b:model.safetensors', 'hf:a/b@'])('%s is refused', (spec) => {
    expect(() => parseModelSpec(spec)).toThrow(
      `"${spec}" is not a model on the hub; expected hf:owner/name, hf:owner/name@revision or hf:owner/name:file.gguf.`,
    );
  });
});

describe('models at OpenAI-compatible servers', () => {
  it.each([
    ['openai:http://h:1/v1#m', { baseUrl: 'http://h:1/v1', model: 'm' }],
    ['openai:http://h:1/v1#a#b', { baseUrl: 'http://h:1/v1#a', model: 'b' }],
    ['openai:gpt', { model: 'gpt' }],
    ['openai:#gpt', { model: 'gpt' }],
    ['openai:http://h:1/v1?api=responses#m', { baseUrl: 'http://h:1/v1', model: 'm', api: 'responses' }],
    ['openai:?api=responses#gpt', { model: 'gpt', api: 'responses' }],
    ['openai:?api=chat#gpt', { model: 'gpt', api: 'chat' }],
  ])('%s', (spec, parsed) => expect(parseModelSpec(spec)).toEqual({ kind: 'openai', ...parsed }));

  it.each(['openai:', 'openai:http://h:1/v1', 'openai:http://h:1/v1#'])('%s is refused', (spec) => {
    expect(() => parseModelSpec(spec)).toThrow(`"${spec}" names no model; expected openai:URL#MODEL`);
  });
});

describe('keys in addresses', () => {
  it.each([
    'openai:http://h/v1?api_key=K3Y#m',
    'openai:http://h/v1?api_key=K3Y',
    'openai:http://h/v1?api_key=K3Y&api=responses#m',
    'openai:http://h/v1?api=responses&api_key=K3Y#m',
    'openai:http://h/v1?api=K3Y#m',
    'openai:http://me:K3Y@h/v1?api=responses#m',
    'openai:http://me:K3Y@h/v1#m',
    'openai:http://me:K3Y@h/v1',
    'tinker:http://h?api_key=K3Y#m',
    'tinker:http://me:K3Y@h',
  ])('are refused without being repeated: %s', (spec) => {
    let message = '';
    try {
      parseModelSpec(spec);
    } catch (error) {
      ({ message } = error as Error);
    }
    expect(message).toMatch(/^"(openai|tinker):http:\/\/h/);
    expect(message).not.toContain('K3Y');
  });
});

describe('models at Tinker servers', () => {
  it('settings, and what a known server stands for', () => {
    expect(parseModelSpec('tinker:http://h:1#m')).toEqual({
      kind: 'tinker',
      baseUrl: 'http://h:1',
      model: 'm',
      scaling: 'sum',
      padTo: 1,
    });
    expect(parseModelSpec('tinker:http://h:1?rank=8&server=skyrl-jax#Qwen/Qwen3-0.6B')).toEqual({
      kind: 'tinker',
      baseUrl: 'http://h:1',
      model: 'Qwen/Qwen3-0.6B',
      rank: 8,
      scaling: 'average',
      padTo: 256,
    });
    // What is written wins over what the server stands for.
    expect(parseModelSpec('tinker:http://h:1?server=skyrl-jax&scaling=sum&pad=4&rank=0#m')).toMatchObject({
      scaling: 'sum',
      padTo: 4,
      rank: 0,
    });
    expect(parseModelSpec('tinker:http://h:1?server=twinkle&scaling=average#m')).toMatchObject({
      scaling: 'average',
      loss: 'importance_sampling',
      padTo: 1,
    });
    expect(parseModelSpec('tinker:http://h:1?server=open-rl#m')).toMatchObject({ resend: false });
  });

  it.each([
    ['tinker:http://h:1', 'names no address and model'],
    ['tinker:#m', 'names no address and model'],
    ['tinker:http://h:1?renk=8#m', 'there is no setting "renk" (there are rank, scaling, loss, pad, server)'],
    ['tinker:http://h:1?server=nope#m', 'server is "nope", not one of skyrl-jax, skyrl'],
    ['tinker:http://h:1?pad=0#m', 'pad is "0", not a number from 1'],
    ['tinker:http://h:1?rank=-1#m', 'rank is "-1", not a number from 0'],
    ['tinker:http://h:1?scaling=mean#m', 'scaling is "mean", not one of sum, average'],
  ])('%s is refused', (spec, sentence) => expect(() => parseModelSpec(spec)).toThrow(sentence));
});
