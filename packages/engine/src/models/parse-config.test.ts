import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { ModelConfig } from './config.js';
import { layerKind } from './layer-kinds.js';
import { parameterShapes } from './parameters.js';
import { configToJson, configToText, parseConfig } from './parse-config.js';

function fixture(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../fixtures/weights/${name}/config.json`, import.meta.url), 'utf8'));
}

const MINIMAL = {
  model_type: 'llama',
  vocab_size: 10,
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
};

const LLAMA3 = {
  rope_type: 'llama3',
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 8192,
};

const SCALING = {
  type: 'llama3',
  factor: 8,
  lowFrequencyFactor: 1,
  highFrequencyFactor: 4,
  originalContextLength: 8192,
} as const;

const parse = (changes: Record<string, unknown> = {}) => parseConfig({ ...MINIMAL, ...changes }, 'm/config.json');

it('a Llama as transformers 5 writes it', () => {
  expect(parseConfig(fixture('llama-sharded'), 'config.json')).toEqual({
    architecture: 'llama',
    vocabularySize: 36,
    hiddenSize: 16,
    intermediateSize: 16,
    layers: 2,
    heads: 4,
    keyValueHeads: 2,
    headSize: 4,
    contextLength: 16384,
    ropeTheta: 500000,
    ropeScaling: { ...SCALING, factor: 32 },
    rmsNormEpsilon: 1e-6,
    tieWordEmbeddings: false,
  });
});

it('a Qwen3 as transformers 5 writes it', () => {
  const config = parseConfig(fixture('qwen3-bf16'), 'config.json');
  expect(config).toMatchObject({ architecture: 'qwen3', headSize: 12, keyValueHeads: 1, tieWordEmbeddings: true });
  expect(config).toMatchObject({ ropeTheta: 1000000, contextLength: 64 });
  expect(config.ropeScaling).toBeUndefined();
});

it('a Qwen2.5 as the hub has it, with the biases that every Qwen2 has and no key names', () => {
  const config = parse({
    architectures: ['Qwen2ForCausalLM'],
    model_type: 'qwen2',
    max_window_layers: 21,
    num_key_value_heads: 2,
    rope_theta: 1e6,
    sliding_window: 32768,
    use_sliding_window: false,
  });
  expect(config).toMatchObject({ architecture: 'qwen2', headSize: 8, ropeTheta: 1e6, contextLength: 32768 });
  const shapes = parameterShapes(config);
  expect(shapes.get('model.layers.1.self_attn.k_proj.bias')).toEqual([16]);
  expect(shapes.has('model.layers.1.self_attn.o_proj.bias')).toBe(false);
  expect(() => parse({ model_type: 'qwen2', num_key_value_heads: 2, attention_bias: false })).toThrow(
    expect.objectContaining({ kind: 'unsupported', message: expect.stringContaining('"attention_bias"') }),
  );
});

it('a SmolLM3: every fourth layer does not rotate, unless the file names others', () => {
  const smollm3 = { model_type: 'smollm3', num_key_value_heads: 2, num_hidden_layers: 8 };
  expect(parse(smollm3)).toMatchObject({ unrotatedLayers: [3, 7], ropeTheta: 2e6, tieWordEmbeddings: true });
  expect(parse({ ...smollm3, no_rope_layer_interval: 3 })).toMatchObject({ unrotatedLayers: [2, 5] });
  const config = parse({ ...smollm3, no_rope_layers: [0, 1, 1, 1, 1, 0, 1, 1] });
  expect(config.unrotatedLayers).toEqual([0, 5]);
  expect(layerKind(config, 5)).toEqual({ rotary: 'none', sliding: false });
  expect(layerKind(config, 4)).toEqual({ rotary: 'full', sliding: false });
  expect(() => parse({ ...smollm3, no_rope_layers: [1, 0] })).toThrow(
    /"no_rope_layers" in m\/config.json should be a list of 8 numbers/,
  );
  expect(() => parse({ ...smollm3, use_sliding_window: true })).toThrow(/"use_sliding_window"/);
});

describe('a Gemma 3', () => {
  const gemma3 = { model_type: 'gemma3_text', num_hidden_layers: 7, sliding_window: 512, head_dim: 16 };

  it.each([
    ['transformers 4', { rope_theta: 1e6, rope_local_base_freq: 1e4, sliding_window_pattern: 6 }],
    [
      'transformers 5',
      {
        rope_parameters: {
          full_attention: { rope_type: 'default', rope_theta: 1e6 },
          sliding_attention: { rope_type: 'default', rope_theta: 1e4 },
        },
      },
    ],
    ['defaults', {}],
  ])('of %s: five sliding layers with a base of their own to one that sees all', (_, changes) => {
    const config = parse({ ...gemma3, ...changes, hidden_activation: 'gelu_pytorch_tanh' });
    expect(config).toMatchObject({ headSize: 16, queryScalar: 256, ropeTheta: 1e6, tieWordEmbeddings: true });
    expect(config.slidingWindow).toEqual({ tokens: 512, layers: [0, 1, 2, 3, 4, 6], ropeTheta: 1e4 });
    expect(layerKind(config, 4)).toEqual({ rotary: 'sliding', sliding: true });
    expect(layerKind(config, 5)).toEqual({ rotary: 'full', sliding: false });
    const json = JSON.parse(configToText(config));
    expect(parseConfig(json, 'config.json')).toEqual(config);
    expect(json).toMatchObject({ hidden_activation: 'gelu_pytorch_tanh', query_pre_attn_scalar: 256 });
    expect(json).not.toHaveProperty('hidden_act');
  });

  it.each([
    [{ final_logit_softcapping: 30 }, 'unsupported', '"final_logit_softcapping"'],
    [{ use_bidirectional_attention: true }, 'unsupported', '"use_bidirectional_attention"'],
    [{ hidden_activation: 'relu' }, 'unsupported', '"hidden_activation"'],
    [{ rope_scaling: { rope_type: 'linear', factor: 8 } }, 'unsupported', '"rope_scaling.rope_type"'],
    [{ layer_types: ['full_attention'] }, 'file', 'a list of 7 types'],
  ])('refuses %j', (changes, kind, message) => {
    expect(() => parse({ ...gemma3, ...changes })).toThrow(
      expect.objectContaining({ kind, message: expect.stringContaining(message) }),
    );
  });
});

it('missing keys mean what transformers assumes', () => {
  expect(parse()).toEqual({
    architecture: 'llama',
    vocabularySize: 10,
    hiddenSize: 32,
    intermediateSize: 64,
    layers: 2,
    heads: 4,
    keyValueHeads: 4,
    headSize: 8,
    contextLength: 2048,
    ropeTheta: 10000,
    ropeScaling: undefined,
    rmsNormEpsilon: 1e-6,
    tieWordEmbeddings: false,
  });
  expect(parse({ model_type: 'qwen3', num_key_value_heads: 2 })).toMatchObject({ headSize: 128, contextLength: 32768 });
});

describe('rotary settings', () => {
  it.each([
    ['on top (transformers 4)', { rope_theta: 5e5, rope_scaling: LLAMA3 }],
    ['on top with the old key', { rope_theta: 5e5, rope_scaling: { ...LLAMA3, rope_type: undefined, type: 'llama3' } }],
    ['inside (transformers 5)', { rope_parameters: { ...LLAMA3, rope_theta: 5e5 } }],
    ['both', { rope_theta: 5e5, rope_scaling: LLAMA3, rope_parameters: { ...LLAMA3, rope_theta: 5e5 } }],
  ])('llama3 %s', (_, changes) => {
    expect(parse(changes)).toMatchObject({ ropeTheta: 5e5, ropeScaling: SCALING });
  });

  it.each([
    ['null', { rope_theta: 5e5, rope_scaling: null }],
    ['default', { rope_parameters: { rope_type: 'default', rope_theta: 5e5 } }],
    ['theta inside, null on top', { rope_theta: null, rope_scaling: null, rope_parameters: { rope_theta: 5e5 } }],
  ])('no scaling: %s', (_, changes) => {
    const config = parse(changes);
    expect(config.ropeTheta).toBe(5e5);
    expect(config.ropeScaling).toBeUndefined();
  });
});

describe('refusals', () => {
  it.each([
    ['attention_bias', { attention_bias: true }, 'true'],
    ['mlp_bias', { mlp_bias: true }, 'true'],
    ['use_sliding_window', { use_sliding_window: true }, 'true'],
    ['hidden_act', { hidden_act: 'gelu' }, '"gelu"'],
    ['layer_types', { layer_types: ['full_attention', 'sliding_attention'] }, '["full_attention","sliding_attention"]'],
    ['quantization_config', { quantization_config: { quant_method: 'gptq' } }, '{"quant_method":"gptq"}'],
    ['rope_scaling.type', { rope_scaling: { type: 'linear', factor: 2 } }, '"linear"'],
    ['rope_parameters.rope_type', { rope_parameters: { rope_type: 'yarn' } }, '"yarn"'],
    ['partial_rotary_factor', { partial_rotary_factor: 0.5 }, '0.5'],
  ])('%s is not supported', (key, changes, found) => {
    expect(() => parse(changes)).toThrow(
      expect.objectContaining({
        kind: 'unsupported',
        message: expect.stringContaining(`"${key}" in m/config.json`),
        details: { file: 'm/config.json', expected: expect.any(String), found },
      }),
    );
  });

  it.each([
    [{ model_type: 'mistral', architectures: ['MistralForCausalLM'] }, 'MistralForCausalLM (model_type "mistral")'],
    [{ architectures: ['LlamaForSequenceClassification'] }, 'LlamaForSequenceClassification (model_type "llama")'],
    [{ model_type: 'qwen3_moe' }, 'no architectures (model_type "qwen3_moe")'],
    [{ model_type: undefined }, 'no architectures (model_type nothing)'],
  ])('unknown architecture %j', (changes, found) => {
    expect(() => parse(changes)).toThrow(
      expect.objectContaining({
        kind: 'unknown-architecture',
        details: {
          file: 'm/config.json',
          expected: expect.stringMatching(/LlamaForCausalLM \(model_type "llama"\), .*\(model_type "qwen3"\)/),
          found,
        },
      }),
    );
  });

  it.each([
    [{ hidden_size: undefined }, '"hidden_size"'],
    [{ hidden_size: '32' }, '"hidden_size"'],
    [{ vocab_size: 0 }, '"vocab_size"'],
    [{ num_hidden_layers: 1.5 }, '"num_hidden_layers"'],
    [{ num_key_value_heads: 3 }, '"num_key_value_heads"'],
    [{ head_dim: 7 }, '"head_dim"'],
    [{ hidden_size: 30 }, '"head_dim"'],
    [{ tie_word_embeddings: 'yes' }, '"tie_word_embeddings"'],
    [{ rms_norm_eps: -1 }, '"rms_norm_eps"'],
    [{ rope_parameters: [] }, '"rope_parameters"'],
    [{ rope_scaling: { ...LLAMA3, factor: undefined } }, '"rope_scaling.factor"'],
    [{ rope_scaling: { ...LLAMA3, high_freq_factor: 1 } }, '"rope_scaling.high_freq_factor"'],
  ])('wrong values: %j', (changes, key) => {
    expect(() => parse(changes)).toThrow(
      expect.objectContaining({ kind: 'file', message: expect.stringContaining(`${key} in m/config.json should be`) }),
    );
  });

  it('rotary settings by types of layers: those of full attention', () => {
    const sliding = { rope_type: 'default', rope_theta: 1e4 };
    const full = { ...LLAMA3, rope_theta: 5e6 };
    const changes = { rope_theta: undefined, rope_parameters: { full_attention: full, sliding_attention: sliding } };
    expect(parse(changes)).toMatchObject({ ropeTheta: 5e6, ropeScaling: SCALING });
    expect(() => parse({ rope_theta: undefined, rope_parameters: { sliding_attention: sliding } })).toThrow(
      expect.objectContaining({ kind: 'unsupported', message: expect.stringContaining('"full_attention"') }),
    );
  });

  it('a value nested so deep that it cannot be shown', () => {
    const deep = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000));
    expect(() => parse({ hidden_size: deep })).toThrow(
      /"hidden_size" in m\/config\.json should be .*, found lists nested/,
    );
  });

  it.each([null, [], 'text'])('no object: %j', (json) => {
    expect(() => parseConfig(json, 'config.json')).toThrow(expect.objectContaining({ kind: 'file' }));
  });
});

describe('configToJson', () => {
  const configs: ModelConfig[] = [
    { ...parse(), ropeTheta: 5e5, ropeScaling: SCALING },
    { ...parse(), architecture: 'qwen3', headSize: 12, keyValueHeads: 1, tieWordEmbeddings: true },
    { ...parse(), architecture: 'qwen2', keyValueHeads: 2 },
  ];

  it.each(configs)('$architecture is read back', (config) => {
    const json = JSON.parse(JSON.stringify(configToJson(config)));
    expect(parseConfig(json, 'config.json')).toEqual(config);
    // Each generation of transformers by its own form alone.
    const { rope_parameters, ...four } = json;
    const { rope_theta, rope_scaling, ...five } = json;
    expect(parseConfig(four, 'config.json')).toEqual(config);
    expect(parseConfig(five, 'config.json')).toEqual(config);
  });

  it('names class, tokens and dtype', () => {
    const json = configToJson(configs[1], { bosTokenId: 1, eosTokenIds: [2, 3], padTokenId: 0, dtype: 'BF16' });
    expect(json).toMatchObject({
      architectures: ['Qwen3ForCausalLM'],
      model_type: 'qwen3',
      bos_token_id: 1,
      eos_token_id: [2, 3],
      pad_token_id: 0,
      dtype: 'bfloat16',
      torch_dtype: 'bfloat16',
    });
    expect(configToJson(configs[0], { eosTokenIds: [2] }).eos_token_id).toBe(2);
    expect(configToJson(configs[0]).eos_token_id).toBeNull();
  });

  it('writes the numbers of rotary settings as floating-point ones', () => {
    const text = configToText(configs[0]);
    expect(JSON.parse(text)).toEqual(configToJson(configs[0]));
    expect(text.match(/"(rope_theta|\w*factor)": \d+\.0/g)).toHaveLength(8);
    expect(text).toContain('"original_max_position_embeddings": 8192\n');
    expect(configToText({ ...configs[0], ropeTheta: 0.5 })).toContain('"rope_theta": 0.5,');
  });
});
