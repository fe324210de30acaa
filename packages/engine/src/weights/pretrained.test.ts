import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parameterCount, parameterShapes } from '../models/parameters.js';
import { loadPretrained, savePretrained } from './pretrained.js';
import { SafetensorsFile } from './safetensors.js';
import { type NamedTensor, writeSafetensors } from './safetensors-writer.js';

const FIXTURES = fileURLToPath(new URL('../../fixtures/weights/', import.meta.url));

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'pretrained-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function readAll(path: string): Promise<NamedTensor[]> {
  const file = await SafetensorsFile.open(path);
  const tensors: NamedTensor[] = [];
  for (const [name, { shape }] of file.entries) tensors.push({ name, shape, values: await file.read(name) });
  await file.close();
  return tensors;
}

/** A copy of the Qwen3 fixture whose tensors went through `change`. */
async function altered(change: (tensors: NamedTensor[]) => NamedTensor[]): Promise<string> {
  const folder = temporaryFolder();
  cpSync(join(FIXTURES, 'qwen3-bf16'), folder, { recursive: true });
  const path = join(folder, 'model.safetensors');
  await writeSafetensors(path, change(await readAll(path)));
  return folder;
}

function setConfig(folder: string, changes: Record<string, unknown>): void {
  const path = join(folder, 'config.json');
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...changes }));
}

describe('loading', () => {
  it.each([
    ['shards', 'llama-sharded', 'llama-sharded'],
    ['bfloat16', 'qwen3-bf16', 'qwen3-bf16'],
    ['a Llama in GGUF, its rows in their old order', 'llama.gguf', 'llama'],
    ['a Qwen3 in GGUF', 'qwen3.gguf', 'qwen3'],
  ])('%s: every parameter as transformers loads it', async (_, name, expected) => {
    const { config, parameters } = await loadPretrained(join(FIXTURES, name));
    const reference = await readAll(join(FIXTURES, `${expected}.expected.safetensors`));
    expect([...parameters.keys()]).toEqual([...parameterShapes(config).keys()]);
    expect(parameters.size).toBe(reference.length);
    for (const { name, values } of reference) expect(parameters.get(name), name).toEqual(values);
  });

  it('configuration of GGUF files', async () => {
    const llama = await loadPretrained(join(FIXTURES, 'llama.gguf'));
    const { factor, ...rope } = llama.config.ropeScaling!;
    expect(factor).toBeCloseTo(32, 3);
    expect(rope).toEqual({
      type: 'llama3',
      lowFrequencyFactor: 1,
      highFrequencyFactor: 4,
      originalContextLength: 8192,
    });
    expect({ ...llama.config, ropeScaling: undefined }).toEqual({
      architecture: 'llama',
      vocabularySize: 36,
      hiddenSize: 32,
      intermediateSize: 32,
      layers: 1,
      heads: 4,
      keyValueHeads: 2,
      headSize: 8,
      contextLength: 16384,
      ropeTheta: 500000,
      ropeScaling: undefined,
      rmsNormEpsilon: 1e-6,
      tieWordEmbeddings: false,
    });
    const qwen3 = await loadPretrained(join(FIXTURES, 'qwen3.gguf'));
    expect(qwen3.config).toMatchObject({ architecture: 'qwen3', headSize: 12, keyValueHeads: 1, layers: 2 });
    expect(qwen3.config).toMatchObject({ ropeTheta: 1e6, tieWordEmbeddings: true });
    expect(qwen3.config.ropeScaling).toBeUndefined();
  });

  it('auxiliary files and token ids', async () => {
    const folder = await loadPretrained(join(FIXTURES, 'llama-sharded'));
    expect([...folder.files.auxiliary.keys()]).toEqual(['generation_config.json']);
    expect(folder.files).toMatchObject({ eosTokenIds: [2, 3], bosTokenId: 1, padTokenId: undefined });
    const gguf = await loadPretrained(join(FIXTURES, 'qwen3.gguf'));
    expect([...gguf.files.auxiliary.keys()]).toEqual([
      'tokenizer.json',
      'tokenizer_config.json',
      'generation_config.json',
    ]);
    expect(gguf.files).toMatchObject({ eosTokenIds: [1], bosTokenId: 0 });
    const tokenizer = JSON.parse(new TextDecoder().decode(gguf.files.auxiliary.get('tokenizer.json')));
    expect(tokenizer.model.vocab).toMatchObject({ '<|im_end|>': 1, Ġthe: 32 });
  });

  it('generation_config.json counts before config.json', async () => {
    const folder = await altered((tensors) => tensors);
    writeFileSync(join(folder, 'generation_config.json'), '{"eos_token_id": [7, 8]}');
    expect((await loadPretrained(folder)).files).toMatchObject({ eosTokenIds: [7, 8], bosTokenId: 1 });
  });

  it('progress counts parameters', async () => {
    const seen: { finished: number; total: number }[] = [];
    const { config } = await loadPretrained(join(FIXTURES, 'qwen3-bf16'), { onProgress: (p) => seen.push(p) });
    expect(seen).toHaveLength(parameterShapes(config).size);
    expect(seen.at(-1)).toEqual({ finished: parameterCount(config), total: parameterCount(config) });
  });

  it('names without the outer prefix, an unembedding of a tied model, frequencies and heads of other kinds', async () => {
    const extra = (name: string) => ({ name, shape: [1], values: new Float32Array([Number.NaN]) });
    const folder = await altered((tensors) => [
      ...tensors.map((tensor) => ({ ...tensor, name: tensor.name.replace('model.', '') })),
      extra('lm_head.weight'),
      extra('v_head.weight'),
      extra('layers.0.self_attn.rotary_emb.inv_freq'),
    ]);
    const { parameters } = await loadPretrained(folder);
    const expected = await loadPretrained(join(FIXTURES, 'qwen3-bf16'));
    expect(parameters).toEqual(expected.parameters);
  });
});

describe('refusals', () => {
  const NORM = 'model.norm.weight';

  it('a missing tensor', async () => {
    const folder = await altered((tensors) => tensors.filter(({ name }) => name !== NORM));
    await expect(loadPretrained(folder)).rejects.toMatchObject({
      kind: 'missing-tensor',
      details: { file: folder, tensor: NORM },
    });
  });

  it.each([1e8, 2 ** 52])('%d layers, for which there are no tensors', async (layers) => {
    const folder = await altered((tensors) => tensors);
    setConfig(folder, { num_hidden_layers: layers });
    await expect(loadPretrained(folder)).rejects.toMatchObject({
      kind: 'missing-tensor',
      message: expect.stringMatching(/config\.json says that the model has \d+ layers, but there are only \d+ tensors/),
    });
  });

  it.each([
    ['qwen3.block_count', 1e8, /says that the model has 100000000 layers/],
    ['qwen3.block_count', 0, /"qwen3\.block_count" of .* should be a positive whole number, found 0/],
    ['qwen3.attention.head_count', 0, /"qwen3\.attention\.head_count" of .* should be a positive whole number/],
    ['qwen3.attention.key_length', 7, /its heads cannot be halved/],
  ])('a GGUF file with %s of %d', async (key, value, message) => {
    const bytes = readFileSync(join(FIXTURES, 'qwen3.gguf'));
    // After the key come its type and its value.
    bytes.writeUInt32LE(value, bytes.indexOf(key) + key.length + 4);
    const path = join(temporaryFolder(), 'x.gguf');
    writeFileSync(path, bytes);
    await expect(loadPretrained(path)).rejects.toThrow(message);
  });

  it('a file next to the weights that is far too large', async () => {
    const folder = await altered((tensors) => tensors);
    const path = join(folder, 'tokenizer_config.json');
    writeFileSync(path, '{}');
    truncateSync(path, 2 ** 29 + 1);
    await expect(loadPretrained(folder)).rejects.toThrow(
      /Could not read .*tokenizer_config\.json: it has 536870913 bytes/,
    );
  });

  it('no unembedding though it is not tied', async () => {
    const folder = await altered((tensors) => tensors);
    setConfig(folder, { tie_word_embeddings: false });
    await expect(loadPretrained(folder)).rejects.toMatchObject({
      kind: 'missing-tensor',
      details: { tensor: 'lm_head.weight' },
      message: expect.stringContaining('tie_word_embeddings'),
    });
  });

  it('another shape', async () => {
    const folder = await altered((tensors) => tensors);
    setConfig(folder, { vocab_size: 37 });
    await expect(loadPretrained(folder)).rejects.toMatchObject({
      kind: 'tensor-shape',
      details: {
        file: join(folder, 'model.safetensors'),
        tensor: 'model.embed_tokens.weight',
        expected: '[37, 16]',
        found: '[36, 16]',
      },
    });
  });

  it('NaN and infinity: how many and where', async () => {
    const folder = await altered((tensors) => {
      tensors.find(({ name }) => name === NORM)!.values.set([Number.POSITIVE_INFINITY, 1, Number.NaN], 3);
      return tensors;
    });
    await expect(loadPretrained(folder)).rejects.toMatchObject({
      kind: 'non-finite-weights',
      details: { file: join(folder, 'model.safetensors'), tensor: NORM, found: 'Infinity at index 3' },
      message: expect.stringContaining('2 of 16 values'),
    });
  });

  it.each(['model.layers.0.self_attn.q_proj.bias', 'model.layers.2.mlp.up_proj.weight'])(
    'a part of the model that the configuration does not tell: %s',
    async (name) => {
      const folder = await altered((tensors) => [...tensors, { name, shape: [1], values: new Float32Array(1) }]);
      await expect(loadPretrained(folder)).rejects.toMatchObject({ kind: 'unsupported', details: { tensor: name } });
    },
  );

  it.each([
    [['adapter_config.json'], 'adapter'],
    [['pytorch_model.bin'], 'pytorch_model.bin'],
    [['model-q8.gguf'], 'model-q8.gguf'],
    [[], 'an empty folder'],
  ])('a folder without config.json but %j', async (names, message) => {
    const folder = temporaryFolder();
    for (const name of names) writeFileSync(join(folder, name), '');
    await expect(loadPretrained(folder)).rejects.toMatchObject({
      kind: 'file',
      message: expect.stringContaining(message),
    });
  });

  it('a folder without weights', async () => {
    const folder = await altered((tensors) => tensors);
    rmSync(join(folder, 'model.safetensors'));
    await expect(loadPretrained(folder)).rejects.toMatchObject({
      kind: 'file',
      details: { file: folder, expected: 'model.safetensors or model.safetensors.index.json' },
    });
  });

  it('nothing at the path, a part of a folder, a damaged config.json', async () => {
    await expect(loadPretrained('Qwen/Qwen3-0.6B')).rejects.toMatchObject({
      kind: 'file',
      message: expect.stringContaining('download'),
    });
    await expect(loadPretrained(join(FIXTURES, 'qwen3-bf16/config.json'))).rejects.toThrow(
      /Give the path of the folder/,
    );
    const folder = await altered((tensors) => tensors);
    writeFileSync(join(folder, 'config.json'), '{"model_type":');
    await expect(loadPretrained(folder)).rejects.toMatchObject({
      kind: 'file',
      details: { file: join(folder, 'config.json') },
    });
  });

  it('a GGUF file of another architecture', async () => {
    const bytes = readFileSync(join(FIXTURES, 'llama.gguf'));
    bytes.write('mamba', bytes.indexOf('general.architecture') + 'general.architecture'.length + 12);
    const path = join(temporaryFolder(), 'x.gguf');
    writeFileSync(path, bytes);
    await expect(loadPretrained(path)).rejects.toMatchObject({
      kind: 'unknown-architecture',
      details: { file: path, expected: 'llama, qwen2, qwen3, smollm3, gemma3', found: 'mamba' },
    });
  });

  it('a GGUF file with rotary factors of another scaling', async () => {
    const bytes = readFileSync(join(FIXTURES, 'llama.gguf'));
    // The factors are the last tensor: four of them, and padding.
    bytes.writeFloatLE(7.5, bytes.length - 32 + 4);
    const path = join(temporaryFolder(), 'x.gguf');
    writeFileSync(path, bytes);
    await expect(loadPretrained(path)).rejects.toMatchObject({
      kind: 'unsupported',
      message: expect.stringContaining('rope_freqs'),
    });
  });
});

describe('saving', () => {
  it.each(['llama-sharded', 'qwen3-bf16', 'llama.gguf', 'qwen3.gguf'])('%s comes back as it was', async (name) => {
    const model = await loadPretrained(join(FIXTURES, name));
    const folder = join(temporaryFolder(), 'new', 'folder');
    await savePretrained(folder, model);
    expect(await loadPretrained(folder)).toEqual(model);
    expect(readdirSync(folder).sort()).toEqual(
      [...model.files.auxiliary.keys(), 'config.json', 'model.safetensors'].sort(),
    );
  });

  it('16-bit formats round to nearest', async () => {
    const model = await loadPretrained(join(FIXTURES, 'llama-sharded'));
    const folder = temporaryFolder();
    for (const [dtype, bits] of [
      ['BF16', 8],
      ['F16', 11],
    ] as const) {
      await savePretrained(folder, model, { dtype });
      const { parameters } = await loadPretrained(folder);
      for (const [name, values] of parameters) {
        const exact = model.parameters.get(name)!;
        const far = values.findIndex(
          (value, i) => Math.abs(value - exact[i]) > Math.max(Math.abs(exact[i]) * 2 ** -bits, 2 ** -25),
        );
        expect(far, `${name} as ${dtype}`).toBe(-1);
      }
    }
    expect(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))).toMatchObject({
      dtype: 'float16',
      eos_token_id: [2, 3],
    });
  });

  it('shards of an earlier model go', async () => {
    const folder = temporaryFolder();
    cpSync(join(FIXTURES, 'llama-sharded'), folder, { recursive: true });
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    const model = await loadPretrained(folder);
    await savePretrained(folder, model);
    expect(readdirSync(folder).sort()).toEqual([
      'config.json',
      'generation_config.json',
      'model.safetensors',
      'notes.txt',
    ]);
    expect(await loadPretrained(folder)).toEqual(model);
  });

  it.each([
    ['config.json', '{"steps":3}'],
    ['config.json', 'not JSON'],
    ['model.safetensors', 'mine'],
    ['generation_config.json', '{}'],
  ])('a folder of something else with %s (%s) is left as it is', async (name, content) => {
    const model = await loadPretrained(join(FIXTURES, 'llama-sharded'));
    const folder = temporaryFolder();
    writeFileSync(join(folder, name), content);
    await expect(savePretrained(folder, model)).rejects.toMatchObject({
      kind: 'file',
      message: expect.stringContaining(`contains ${name}, but is not a model folder`),
    });
    expect(readdirSync(folder)).toEqual([name]);
    expect(readFileSync(join(folder, name), 'utf8')).toBe(content);
  });

  it('a model that can not be saved leaves the folder as it was', async () => {
    const folder = temporaryFolder();
    cpSync(join(FIXTURES, 'qwen3-bf16'), folder, { recursive: true });
    const before = readFileSync(join(folder, 'model.safetensors'));
    const model = await loadPretrained(folder);
    const name = 'model.norm.weight';
    const change = (values: Float32Array | undefined) => {
      const parameters = new Map<string, Float32Array>(model.parameters);
      if (values === undefined) parameters.delete(name);
      else parameters.set(name, values);
      return { ...model, parameters };
    };
    const huge = new Float32Array(16).fill(1e6);
    const save = (values?: Float32Array) => savePretrained(folder, change(values), { dtype: 'F16' });
    await expect(save()).rejects.toMatchObject({ kind: 'missing-tensor', details: { tensor: name } });
    await expect(save(new Float32Array(15))).rejects.toMatchObject({ kind: 'tensor-shape', details: { tensor: name } });
    await expect(save(new Float32Array(16).fill(Number.NaN))).rejects.toMatchObject({ kind: 'non-finite-weights' });
    await expect(save(huge)).rejects.toMatchObject({
      kind: 'non-finite-weights',
      message: expect.stringContaining('BF16'),
    });
    expect(readFileSync(join(folder, 'model.safetensors')).equals(before)).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(['config.json', 'generation_config.json', 'model.safetensors']);
  });
});
