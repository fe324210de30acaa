/** Follows the recipe of docs/engine.md, "Adding an architecture", with the family that stands there. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EngineCore } from '../packages/engine/src/core.js';
import type { Architecture } from '../packages/engine/src/models/architectures/architecture.js';
import { registerArchitecture } from '../packages/engine/src/models/architectures/index.js';
import type { ModelConfig } from '../packages/engine/src/models/config.js';
import { parameterShapes } from '../packages/engine/src/models/parameters.js';
import { parseConfig } from '../packages/engine/src/models/parse-config.js';
import { ggufName } from '../packages/engine/src/weights/gguf-model.js';
import { loadPretrained, type Pretrained, savePretrained } from '../packages/engine/src/weights/pretrained.js';
import { randomParameters } from '../packages/engine/src/weights/random.js';
import { recipe, root, source } from './engine-recipe.js';

const JSON_CONFIG = {
  architectures: ['NormedLlamaForCausalLM'],
  model_type: 'normed_llama',
  vocab_size: 40,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
};

const greedy = { maxTokens: 12, temperature: 0 };

async function continuation({ config, parameters, files }: Pretrained): Promise<number[]> {
  const core = new EngineCore(config, parameters, files, { threads: 1 });
  const [[{ tokens }]] = await core.generate([{ promptIds: [3, 9, 4] }], greedy);
  await core.close();
  return tokens;
}

describe('the recipe for an architecture', () => {
  const folder = mkdtempSync(join(tmpdir(), 'architecture-'));
  let family: Architecture;
  let config: ModelConfig;
  let takeOut: () => void;

  beforeAll(async () => {
    const { outputText } = ts.transpileModule(source, { compilerOptions: { module: ts.ModuleKind.ESNext } });
    const file = join(folder, 'family.mjs');
    writeFileSync(file, outputText);
    ({ normedLlama: family } = (await import(file)) as { normedLlama: Architecture });
    takeOut = registerArchitecture(family);
    config = parseConfig(JSON_CONFIG, 'config.json');
  });
  afterAll(() => {
    takeOut();
    rmSync(folder, { recursive: true });
  });

  it('names files and anchors that exist', () => {
    const links = [...recipe.matchAll(/\]\(([^)#]+)\)/g)].map(([, target]) => target);
    expect(links.length).toBeGreaterThan(8);
    for (const link of links) expect(existsSync(join(root, 'docs', link)), link).toBe(true);
    const read = (path: string) => readFileSync(join(root, path), 'utf8');
    const places = {
      'packages/engine/src/models/architectures/architecture.ts': ['interface Architecture', 'interface Features'],
      'packages/engine/src/models/architectures/index.ts': ['function registerArchitecture', 'of [llama, '],
      'packages/engine/src/models/parameters.ts': ['function layerParameterShapes'],
      'packages/engine/src/models/decoder.ts': ['function decoderLayer'],
      'packages/engine/src/models/config.ts': ['interface ModelConfig'],
      'tools/reference/tiny_models.py': ['def build_config'],
    };
    for (const [path, wanted] of Object.entries(places)) {
      expect(recipe).toContain(path.split('/').at(-1));
      for (const words of wanted) expect(read(path), path).toContain(words);
    }
  });

  it('gives a family whose config.json is read, with its own defaults and refusals', () => {
    expect(config).toMatchObject({ architecture: 'normed_llama', contextLength: 4096, headSize: 8, keyValueHeads: 2 });
    expect(parameterShapes(config).get('model.layers.1.self_attn.k_norm.weight')).toEqual([8]);
    expect(() => parseConfig({ ...JSON_CONFIG, attention_bias: true }, 'config.json')).toThrow(
      expect.objectContaining({ kind: 'unsupported', message: expect.stringContaining('"attention_bias"') }),
    );
    expect(() => parseConfig({ ...JSON_CONFIG, use_sliding_window: true }, 'config.json')).toThrow(
      /"use_sliding_window"/,
    );
  });

  it('makes, saves, loads and samples a random model, which computes as the features say', async () => {
    const model = { config, parameters: randomParameters(config, 7, { standardDeviation: 0.3 }) };
    const files = { auxiliary: new Map<string, Uint8Array>(), eosTokenIds: [] };
    const saved = join(folder, 'model');
    await savePretrained(saved, { ...model, files });
    const loaded = await loadPretrained(saved);
    expect(loaded.config).toEqual(config);
    expect(loaded.parameters).toEqual(model.parameters);
    expect(JSON.parse(readFileSync(join(saved, 'config.json'), 'utf8'))).toMatchObject({
      architectures: ['NormedLlamaForCausalLM'],
      model_type: 'normed_llama',
      attention_bias: false,
    });
    const tokens = await continuation(loaded);
    expect(tokens).toHaveLength(greedy.maxTokens);
    const as = (architecture: string) => ({ ...loaded, config: { ...config, architecture } });
    expect(await continuation(as('qwen3'))).toEqual(tokens);
    expect(await continuation(as('llama'))).not.toEqual(tokens);
  });

  it('trains it: the loss of a row falls', async () => {
    const parameters = randomParameters(config, 7);
    const core = new EngineCore(config, parameters, { auxiliary: new Map(), eosTokenIds: [] }, { threads: 1 });
    const losses: number[] = [];
    for (let step = 0; step < 5; step++) {
      const rows = [{ promptIds: [3, 9], completionIds: [4, 5, 6] }];
      losses.push((await core.forwardBackward(rows, { loss: { kind: 'cross-entropy' } })).loss);
      await core.optimStep({ learningRate: 1e-2 });
    }
    expect(core.weightOf('model.layers.0.self_attn.q_norm.weight')).not.toEqual(new Float32Array(8).fill(1));
    await core.close();
    expect(losses[4]).toBeLessThan(losses[0] - 1);
  });

  it('reads its GGUF files', async () => {
    expect(ggufName(family, 'model.layers.1.self_attn.q_norm.weight')).toBe('blk.1.attn_q_norm.weight');
    // A Qwen3 has the same tensors; the names of both architectures have five letters.
    const qwen3 = join(root, 'packages/engine/fixtures/weights/qwen3.gguf');
    const path = join(folder, 'model.gguf');
    const renamed = readFileSync(qwen3).toString('latin1').replaceAll('qwen3', family.gguf.architecture);
    writeFileSync(path, renamed, 'latin1');
    const [expected, read] = [await loadPretrained(qwen3), await loadPretrained(path)];
    expect(read.config).toEqual({ ...expected.config, architecture: 'normed_llama' });
    expect(read.parameters).toEqual(expected.parameters);
  });

  it('knows each family once, and only as long as it is registered', async () => {
    expect(() => registerArchitecture(family)).toThrow(/two architectures named "normed_llama"/);
    takeOut();
    try {
      const unknown = { kind: 'unknown-architecture', message: expect.stringMatching(/llama, .*qwen3/) };
      expect(() => randomParameters(config, 1)).toThrow(expect.objectContaining(unknown));
      await expect(loadPretrained(join(folder, 'model.gguf'))).rejects.toMatchObject(unknown);
      expect(() => parseConfig(JSON_CONFIG, 'config.json')).toThrow(/NormedLlamaForCausalLM/);
    } finally {
      takeOut = registerArchitecture(family);
    }
  });
});
