/** Adapters that do not fit are refused, each in a sentence of its own. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { EngineCore } from '../core.js';
import type { AdapterOptions } from '../models/adapter.js';
import { readTensors, referencePath } from '../reference.test-support.js';
import { type ModelSource, openModel } from './open-model.js';
import { SafetensorsFile } from './safetensors.js';
import { type NamedTensor, writeSafetensors } from './safetensors-writer.js';

const folder = mkdtempSync(join(tmpdir(), 'tamtrl-adapter-files-'));
afterAll(() => rmSync(folder, { recursive: true }));

const qwen3: ModelSource = { path: referencePath('qwen3', 'model') };
const llama: ModelSource = { path: referencePath('llama', 'model') };
const fixture = (family: string) => fileURLToPath(new URL(`../../fixtures/reference-lora/${family}`, import.meta.url));

let copies = 0;
/** A copy of PEFT's adapter of the tiny Llama, with other settings or tensors. */
async function altered(
  settings: Record<string, unknown>,
  change: (tensors: NamedTensor[]) => NamedTensor[] = (tensors) => tensors,
  metadata?: Record<string, string>,
): Promise<string> {
  const place = join(folder, `copy ${copies++}`);
  await cp(fixture('llama'), place, { recursive: true });
  const file = join(place, 'adapter_config.json');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...settings }));
  const path = join(place, 'adapter_model.safetensors');
  const source = await SafetensorsFile.open(path);
  const shapes = new Map([...source.entries].map(([name, { shape }]) => [name, shape]));
  await source.close();
  const tensors = [...(await readTensors(path))].map(([name, values]) => ({ name, shape: shapes.get(name)!, values }));
  await writeSafetensors(path, change(tensors), { metadata });
  return place;
}

const DOWN = 'base_model.model.model.layers.1.mlp.down_proj.lora_A.weight';

describe('a new adapter', () => {
  it.each<[object, RegExp]>([
    [{ rank: 0 }, /rank must be a whole number of at least 1, found 0\./],
    [{ rank: -3 }, /at least 1, found -3\./],
    [{ rank: 1.5 }, /at least 1, found 1\.5\./],
    [{ rank: 25 }, /rank 25 is larger than k_proj, which is 24 x 32: .* Use 24 or less\./],
    [{ rank: 2, alpha: 0 }, /alpha must be a finite number above 0, found 0\./],
    [{ rank: 2, alpha: Number.NaN }, /above 0, found NaN\./],
    [{ rank: 2, targets: [] }, /no targets, so there would be nothing to train/],
    [
      { rank: 2, targets: ['q_proj', 'c_attn'] },
      /target "c_attn" is not a projection of a qwen3 layer\. Choose from q_proj,/,
    ],
  ])('%j', async (options, message) => {
    await expect(openModel(qwen3, options as AdapterOptions)).rejects.toMatchObject({
      kind: 'invalid-argument',
      message: expect.stringMatching(message),
    });
  });

  it('of another rank than the largest of a projection that is not adapted', async () => {
    const { config } = await openModel(qwen3, { rank: 30, targets: ['gate_proj'] });
    expect(config.adapter).toEqual({ rank: 30, alpha: 60, targets: ['gate_proj'] });
  });

  it('that is a saved one too', async () => {
    const both: object = { path: fixture('qwen3'), rank: 2 };
    await expect(openModel(qwen3, both as AdapterOptions)).rejects.toThrow(
      /has both a path \(.*qwen3\) and a rank \(2\)/,
    );
  });

  it('on a folder that holds one', async () => {
    await expect(openModel({ path: fixture('llama') }, { rank: 2 })).rejects.toThrow(/llama already holds an adapter/);
  });
});

describe('a saved adapter', () => {
  it('for another base: both are named', async () => {
    const opening = openModel(qwen3, { path: fixture('llama') });
    await expect(opening).rejects.toMatchObject({
      kind: 'tensor-shape',
      details: { expected: '[3, 32]', found: '[3, 36]' },
    });
    await expect(opening).rejects.toThrow(
      /does not fit .*reference.qwen3.model: it was made for \.\.\/\.\.\/reference\/llama\/model\./,
    );
  });

  it('for different weights of the same shape', async () => {
    const config = (await openModel(llama)).config;
    const trained = await openModel({ config, seed: 1 }, { rank: 2, base: 'first' });
    const core = new EngineCore(trained.config, trained.parameters, trained.files, {}, trained.adapter);
    const place = join(folder, 'of seed 1');
    await core.exportAdapter(place);
    await expect(core.exportAdapter(referencePath('llama', 'model'))).rejects.toThrow(/holds a model \(config\.json\)/);
    await core.close();
    expect((await openModel({ config, seed: 1 }, { path: place })).config.adapter?.rank).toBe(2);
    await expect(openModel({ config, seed: 2 }, { path: place })).rejects.toMatchObject({
      kind: 'checkpoint',
      message: expect.stringMatching(/trained on first, whose weights \(\w{16}\) are not those of the random llama \(/),
    });
  });

  it.each<[Record<string, unknown>, RegExp]>([
    [{ peft_type: 'IA3' }, /"peft_type" in .*: the engine supports "LORA", found "IA3"/],
    [{ use_dora: true }, /"use_dora" in .*plain LoRA without it, found true/],
    [{ bias: 'lora_only' }, /"bias" in .*supports "none", found "lora_only"/],
    [{ modules_to_save: ['lm_head'] }, /"modules_to_save" in .*found \["lm_head"\]/],
    [{ rank_pattern: { q_proj: 4 } }, /"rank_pattern" in .*found \{"q_proj":4\}/],
    [{ init_lora_weights: 'pissa' }, /"init_lora_weights" in .*which leave the base unchanged, found "pissa"/],
  ])('of another kind: %j', async (settings, message) => {
    const place = await altered(settings);
    await expect(openModel(llama, { path: place })).rejects.toMatchObject({
      kind: 'unsupported',
      message: expect.stringMatching(message),
    });
  });

  it('with a target that the model does not have, or a rank that is none', async () => {
    const head = await altered({ target_modules: ['q_proj', 'lm_head'] });
    await expect(openModel(llama, { path: head })).rejects.toThrow(/target "lm_head" is not a projection/);
    const none = await altered({ r: 0 });
    await expect(openModel(llama, { path: none })).rejects.toThrow(/"r" in .* should be a positive number, found 0/);
  });

  it('with rank-stabilised scaling: read as another alpha', async () => {
    const { config } = await openModel(llama, { path: await altered({ use_rslora: true }) });
    // 5 / sqrt(3) = alpha / 3
    expect(config.adapter?.alpha).toBeCloseTo(5 * Math.sqrt(3), 12);
  });

  it('with tensors missing, too many, or not finite', async () => {
    const without = await altered({}, (tensors) => tensors.filter(({ name }) => name !== DOWN));
    await expect(openModel(llama, { path: without })).rejects.toMatchObject({ details: { found: 'nothing' } });
    const name = 'base_model.model.model.layers.2.mlp.down_proj.lora_A.weight';
    const more = await altered({}, (tensors) => [...tensors, { name, shape: [1], values: new Float32Array(1) }]);
    await expect(openModel(llama, { path: more })).rejects.toThrow(
      /layers\.2\.mlp\.down_proj.* does not belong to an adapter of .*llama.*2 layers.*made for \.\.\/\.\./,
    );
    const broken = await altered({}, (tensors) =>
      tensors.map((tensor) => (tensor.name === DOWN ? { ...tensor, values: tensor.values.fill(Number.NaN) } : tensor)),
    );
    await expect(openModel(llama, { path: broken })).rejects.toMatchObject({ kind: 'non-finite-weights' });
  });

  it('whose base is not here, or not named', async () => {
    const gone = await altered({ base_model_name_or_path: 'owner/model' });
    await expect(openModel({ path: gone })).rejects.toThrow(
      /belongs to "owner\/model", which is not on this machine: there is nothing at .*owner\/model or .*Give the base as the model/,
    );
    const nameless = await altered({ base_model_name_or_path: null });
    await expect(openModel({ path: nameless })).rejects.toThrow(/does not name its base/);
    expect((await openModel(llama, { path: nameless })).config.adapter?.rank).toBe(3);
  });

  it('without weights, or without settings', async () => {
    const place = await altered({});
    await rm(join(place, 'adapter_model.safetensors'));
    await expect(openModel(llama, { path: place })).rejects.toThrow(/has no adapter_model\.safetensors, found nothing/);
    writeFileSync(join(place, 'adapter_model.bin'), '');
    await expect(openModel(llama, { path: place })).rejects.toThrow(/found adapter_model\.bin\. Save it again/);
    await expect(openModel(llama, { path: folder })).rejects.toThrow(
      /There is no adapter in .*no adapter_config\.json/,
    );
  });
});

describe('the state of training', () => {
  const tiny = async (seed: number, adapter?: AdapterOptions) => {
    const { config } = await openModel(llama);
    const model = await openModel({ config, seed }, adapter);
    return new EngineCore(model.config, model.parameters, model.files, { threads: 1 }, model.adapter);
  };

  it('of another adapter, of all weights, or of another base', async () => {
    const [adapter, all, wide, elsewhere] = [
      await tiny(1, { rank: 2 }),
      await tiny(1),
      await tiny(1, { rank: 3 }),
      await tiny(2, { rank: 2 }),
    ];
    await adapter.save(join(folder, 'adapter'));
    await all.save(join(folder, 'all'));
    const cases: [EngineCore, string, RegExp][] = [
      [
        wide,
        'adapter',
        /is the state of a run that trained the adapter \{"rank":2.*, but this engine trains the adapter \{"rank":3/,
      ],
      [all, 'adapter', /rank":2.*, but this engine trains all weights/],
      [adapter, 'all', /is the state of a run that trained all weights, but this engine trains the adapter/],
      [elsewhere, 'adapter', /belongs to other base weights \(\w{16}\) than the model's \(\w{16}\)/],
    ];
    for (const [core, place, message] of cases) {
      await expect(core.load(join(folder, place))).rejects.toMatchObject({
        kind: 'checkpoint',
        message: expect.stringMatching(message),
      });
    }
    await Promise.all([adapter, all, wide, elsewhere].map((core) => core.close()));
  });
});
