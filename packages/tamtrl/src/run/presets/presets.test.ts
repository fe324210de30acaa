import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { relevanceSources } from '../../data/examples.js';
import { loadRecords } from '../../data/records.js';
import { MINI_MODEL } from '../../models/embedded.js';
import { modelSource } from '../../models/source.js';
import { MODEL_NAMES } from '../../models/spec.js';
import { CountingTokenizer } from '../../policy/openai/counting-tokenizer.js';
import { rewardMethods } from '../../reward/methods.js';
import { runConfigSchema, sftConfigSchema } from '../../train/config.js';
import { findRecipe, recipes } from '../recipes.js';
import { evidenceKept } from '../usable-records.js';
import { findPreset, presets } from './presets.js';

const records = { kind: 'records', train: 'questions.jsonl' } as const;

it('every preset is a valid configuration, once the files are named', () => {
  for (const { name, train, sft, bringModel } of presets) {
    const model = bringModel ? { model: 'folder' } : {};
    const whole = (part: object & { data?: { kind: string } }) =>
      part.data?.kind === 'records' ? { ...part, ...model, data: records } : { ...part, ...model };
    expect(train ?? sft, name).toBeDefined();
    if (train) expect(runConfigSchema.safeParse(whole(train)).error, name).toBeUndefined();
    if (sft) expect(sftConfigSchema.safeParse(whole(sft)).error, name).toBeUndefined();
    if (!bringModel) {
      for (const part of [train, sft]) if (part) expect(MODEL_NAMES).toContain(part.model);
    }
  }
  expect(new Set(presets.map(({ name }) => name)).size).toBe(presets.length);
});

it('the paper presets have the numbers of the paper', () => {
  const config = runConfigSchema.parse({ ...findPreset('paper-0.6b')?.train, data: records, model: 'folder' });
  expect(config).toMatchObject({
    steps: 800,
    questionsPerStep: 32,
    groupSize: 8,
    advantage: 'question-mean-std',
    reward: { scale: 'mean-prob', scope: 'batch', combine: 'product' },
    learningRate: 1e-6,
    klCoefficient: 1e-3,
    warmupSteps: 0,
    optimizer: { beta1: 0.9, beta2: 0.95 },
    memory: { questionTokens: 1024, chunkTokens: 5000, memoryTokens: 1024 },
    clipLow: 0.2,
    clipHigh: 0.28,
  });
});

it('smollm2-135m keeps what is relevant in documents of the usual data sets', async () => {
  const { memory } = runConfigSchema.parse({ ...findPreset('smollm2-135m')?.train, data: records, model: 'folder' });
  for (const name of ['musique', 'hotpotqa', '2wikimultihopqa']) {
    const path = fileURLToPath(new URL(`../../../fixtures/records/${name}-sample.jsonl`, import.meta.url));
    const { records: sample } = await loadRecords(path);
    // Counts more tokens than the model's own tokenizer.
    const tokenizer = new CountingTokenizer();
    const { lost } = await evidenceKept(sample, tokenizer, memory, relevanceSources.annotated, { leaveOut: 'none' });
    expect(lost, name).toMatchObject({ looked: sample.length, any: 0 });
  }
});

it('mini-long has at least eight updates', () => {
  expect(findPreset('mini-long')?.train?.data).toMatchObject({ chunks: 8, factsPerChunk: 3 });
});

it('recipes patch a configuration into a valid one with a method that exists', () => {
  const known = rewardMethods.map(({ name }) => name);
  for (const { name, patch } of recipes) {
    const parsed = runConfigSchema.safeParse(patch);
    expect(parsed.error, name).toBeUndefined();
    expect(known).toContain(parsed.data?.method);
  }
  expect(new Set(recipes.map(({ name }) => name)).size).toBe(recipes.length);
  expect(findRecipe('tamtrl-no-minmax')?.patch).toEqual({ method: 'tamtrl', reward: { minmax: false } });
});

it('a random model has its tokenizer, and a missing model says what was expected', async () => {
  const source = await modelSource('mini-random', 7);
  expect(source).toMatchObject({ config: MINI_MODEL, seed: 7 });
  if (typeof source === 'string') throw new Error('expected a shape');
  expect(Object.keys(source.files ?? {}).sort()).toEqual([
    'generation_config.json',
    'tokenizer.json',
    'tokenizer_config.json',
  ]);
  await expect(modelSource('no/such/folder', 7)).rejects.toThrow(
    'There is no model at no/such/folder: expected a model folder, a .gguf file, or one of the names mini, mini-random, babi, babi-random.',
  );
});
