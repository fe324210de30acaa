/** Adapters against PEFT, on the tiny random models; and what they must keep: the base, the state, the format. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { OptimStepOptions, TrainingRow } from './api.js';
import { EngineCore } from './core.js';
import { type AdapterOptions, adapterShapes } from './models/adapter.js';
import { ARCHITECTURES, largestDifference, readTensors, relativeDifference } from './reference.test-support.js';
import type { ExecutorOptions } from './training/executor.js';
import { type ModelSource, openModel } from './weights/open-model.js';

interface LoraCases {
  rows: TrainingRow[];
  baseLogProbabilities: number[][];
  crossEntropy: { loss: number; logProbabilities: number[][]; gradientNorm: number };
  adamw: { options: OptimStepOptions; steps: { loss: number; gradientNorm: number }[] };
  greedy: { promptIds: number[]; maxTokens: number; tokens: number[] }[];
}

const PREFIX = 'base_model.model.';
const learn = { loss: { kind: 'cross-entropy' } } as const;
const loraPath = (family: string, file = '') =>
  fileURLToPath(new URL(`../fixtures/reference-lora/${family}/${file}`, import.meta.url));
const casesOf = (family: string) => JSON.parse(readFileSync(loraPath(family, 'cases.json'), 'utf8')) as LoraCases;
const tensorsOf = async (family: string, name: string) => {
  const tensors = await readTensors(loraPath(family, name));
  return new Map([...tensors].map(([key, values]) => [key.slice(PREFIX.length), values]));
};

const folder = mkdtempSync(join(tmpdir(), 'tamtrl-adapter-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function open(source: ModelSource, adapter?: AdapterOptions, options: ExecutorOptions = {}): Promise<EngineCore> {
  const model = await openModel(source, adapter);
  return new EngineCore(model.config, model.parameters, model.files, { threads: 1, ...options }, model.adapter);
}
/** One layer, whose graphs compile in a moment. */
const base: ModelSource = {
  config: {
    architecture: 'qwen3',
    vocabularySize: 67,
    hiddenSize: 16,
    intermediateSize: 24,
    layers: 1,
    heads: 2,
    keyValueHeads: 1,
    headSize: 8,
    contextLength: 64,
    ropeTheta: 1e4,
    rmsNormEpsilon: 1e-6,
    tieWordEmbeddings: true,
  },
  seed: 1,
  standardDeviation: 0.2,
};
const logProbabilities = async (core: EngineCore, rows: readonly TrainingRow[], weights?: string) =>
  (await core.score(rows, { weights })).map((row) => row.logProbabilities);
const { rows } = casesOf('qwen3');

async function step(core: EngineCore, times = 1): Promise<void> {
  for (let i = 0; i < times; i++) {
    await core.forwardBackward(rows, learn);
    await core.optimStep({ learningRate: 1e-2, gradientClipNorm: 1 });
  }
}

describe.each(ARCHITECTURES)('an adapter of PEFT on %s', (family) => {
  const cases = casesOf(family);

  it.each([
    { execution: 'whole', microBatchTokens: 40 },
    { execution: 'layered', microBatchTokens: 40, logitBytes: 4 * 67 * 5, causalBlocks: 3 },
  ] as const)('gives the same numbers, gradients and steps: $execution', async (plan) => {
    const core = await open({ path: loraPath(family) }, undefined, plan);
    const { loss, logProbabilities: found } = await core.forwardBackward(cases.rows, learn);
    expect(Math.abs(loss - cases.crossEntropy.loss)).toBeLessThan(1e-4);
    expect(largestDifference(found.flat(), cases.crossEntropy.logProbabilities.flat())).toBeLessThan(1e-4);
    const gradients = await tensorsOf(family, 'gradients.safetensors');
    expect([...gradients.keys()].sort()).toEqual([...adapterShapes(core.config).keys()].sort());
    for (const [name, gradient] of gradients) {
      expect(relativeDifference(core.gradientOf(name) as Float32Array, gradient), name).toBeLessThan(1e-4);
    }
    expect(core.gradientOf('model.embed_tokens.weight')).toBeUndefined();
    core.zeroGradients();
    for (const expected of cases.adamw.steps) {
      expect(Math.abs((await core.forwardBackward(cases.rows, learn)).loss - expected.loss)).toBeLessThan(1e-4);
      const { gradientNorm } = await core.optimStep(cases.adamw.options);
      expect(Math.abs(gradientNorm - expected.gradientNorm)).toBeLessThan(1e-3);
    }
    for (const [name, weights] of await tensorsOf(family, 'adamw.safetensors')) {
      expect(largestDifference(core.weightOf(name) as Float32Array, weights), name).toBeLessThan(1e-5);
    }
    // The base is as it was, and is there without a snapshot.
    const untrained = await logProbabilities(core, cases.rows, 'base');
    expect(largestDifference(untrained.flat(), cases.baseLogProbabilities.flat())).toBeLessThan(1e-4);
    await core.close();
  });

  it('gives the same greedy tokens', async () => {
    const core = await open({ path: loraPath(family) });
    const requests = cases.greedy.map(({ promptIds, maxTokens }) => ({ promptIds, maxTokens }));
    const samples = await core.generate(requests, { maxTokens: 1, temperature: 0 });
    expect(samples.map(([{ tokens }]) => tokens)).toEqual(cases.greedy.map(({ tokens }) => tokens));
    await core.close();
  });
});

describe('a new adapter', () => {
  it('begins as the base, bit for bit, and learns', async () => {
    const [plain, adapted] = [await open(base), await open(base, { rank: 2 })];
    expect(adapted.config.adapter).toMatchObject({ rank: 2, alpha: 4 });
    expect(adapted.config.adapter?.targets).toHaveLength(7);
    expect([adapted.parameters, adapted.trainedParameters]).toEqual([plain.parameters, 464]);
    const before = await plain.score(rows);
    expect(await adapted.score(rows)).toEqual(before);
    const options = { maxTokens: 6, seed: 5 };
    const requests = [{ promptIds: [1, 2, 3], samples: 3 }];
    expect(await adapted.generate(requests, options)).toEqual(await plain.generate(requests, options));
    const { loss: first } = await adapted.forwardBackward(rows, learn);
    adapted.zeroGradients();
    await step(adapted, 20);
    expect((await adapted.forwardBackward(rows, learn)).loss).toBeLessThan(0.8 * first);
    expect(await adapted.score(rows, { weights: 'base' })).toEqual(before);
    await Promise.all([plain.close(), adapted.close()]);
  });

  it('draws A as PEFT does, within 1 / sqrt(in), from the seed', async () => {
    const [first, again, other] = await Promise.all([1, 1, 2].map((seed) => openModel(base, { rank: 2, seed })));
    const name = 'model.layers.0.mlp.up_proj.lora_A.weight';
    const values = first.adapter!.parameters.get(name)!;
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(largest).toBeLessThanOrEqual(1 / 4);
    expect(largest).toBeGreaterThan(0.9 / 4);
    expect(again.adapter!.parameters).toEqual(first.adapter!.parameters);
    expect(other.adapter!.parameters.get(name)).not.toEqual(values);
    const elsewhere = first.adapter!.parameters.get('model.layers.0.mlp.gate_proj.lora_A.weight');
    expect(elsewhere).not.toEqual(values);
  });

  it('samples the same tokens whatever the company', async () => {
    const core = await open({ path: loraPath('llama') });
    const together = [[1, 2, 3], [9], [4, 4, 4, 4]].map((promptIds, seed) => ({ promptIds, seed }));
    const samples = await core.generate(together, { maxTokens: 12 });
    for (const [at, request] of together.entries()) {
      expect(await core.generate([request], { maxTokens: 12 })).toEqual([samples[at]]);
    }
    await core.close();
  });

  it('snapshots hold only the adapter, and average it', async () => {
    const core = await open(base, { rank: 1, targets: ['v_proj'] });
    const { bytes } = core;
    core.snapshot('start');
    expect(core.bytes - bytes).toBe(4 * core.trainedParameters);
    const before = await logProbabilities(core, rows);
    await step(core, 3);
    const after = await logProbabilities(core, rows);
    expect(await logProbabilities(core, rows, 'start')).toEqual(before);
    core.blendSnapshot('start', 0);
    expect(await logProbabilities(core, rows, 'start')).toEqual(after);
    expect(() => core.snapshot('base')).toThrow(/"base" already exists in a model with an adapter/);
    await expect(core.score(rows, { weights: 'mean' })).rejects.toThrow(/taken so far: base, start/);
    await core.close();
  });
});

describe('saving', () => {
  it('continues bit for bit, without a copy of the base', async () => {
    const core = await open(base, { rank: 2, seed: 1 });
    await step(core, 2);
    core.snapshot('teacher');
    await step(core);
    const state = join(folder, 'state');
    await core.save(state);
    const saved = await readTensors(join(state, 'training-state.safetensors'));
    // Live, two moments and a snapshot of 14 matrices.
    expect(saved.size).toBe(4 * 14);
    expect([...saved.keys()].every((name) => name.includes('.lora_'))).toBe(true);
    await step(core, 2);
    const resumed = await open(base, { rank: 2, seed: 7 });
    await resumed.load(state);
    await step(resumed, 2);
    for (const weights of [undefined, 'teacher', 'base']) {
      expect(await resumed.score(rows, { weights })).toEqual(await core.score(rows, { weights }));
    }
    await Promise.all([core.close(), resumed.close()]);
  });

  it('merges the adapter into an exported model', async () => {
    const core = await open({ path: loraPath('qwen3') });
    const expected = await logProbabilities(core, rows);
    await core.exportModel(join(folder, 'merged'));
    const merged = await open({ path: join(folder, 'merged') });
    expect(merged.config.adapter).toBeUndefined();
    expect(largestDifference((await logProbabilities(merged, rows)).flat(), expected.flat())).toBeLessThan(1e-5);
    await Promise.all([core.close(), merged.close()]);
  });

  it("writes the adapter alone in PEFT's format, which opens with its base", async () => {
    const [plain, path, place] = [await open(base), join(folder, 'base'), join(folder, 'alone')];
    await plain.exportModel(path);
    const core = await open({ path }, { rank: 2, alpha: 3, targets: ['up_proj', 'q_proj'] });
    await step(core, 2);
    await core.exportAdapter(place);
    expect(JSON.parse(readFileSync(join(place, 'adapter_config.json'), 'utf8'))).toMatchObject({
      peft_type: 'LORA',
      r: 2,
      lora_alpha: 3,
      target_modules: ['q_proj', 'up_proj'],
      base_model_name_or_path: path,
    });
    const tensors = await readTensors(join(place, 'adapter_model.safetensors'));
    expect([...tensors.keys()].slice(0, 2)).toEqual([
      'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight',
      'base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight',
    ]);
    expect(tensors.size).toBe(2 * 2 * core.config.layers);
    for (const source of [await open({ path: place }), await open(base, { path: place })]) {
      expect(await source.score(rows)).toEqual(await core.score(rows));
      await source.close();
    }
    await expect(plain.exportAdapter(place)).rejects.toThrow(/no adapter to save: this engine trains all weights/);
    await Promise.all([core.close(), plain.close()]);
  });
});
