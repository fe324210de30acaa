import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { editDistance, nearest } from '../base/nearest.js';
import { sftSettings, trainSettings } from './settings.js';

let folder: string;
let path: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tamtrl-settings-'));
  path = join(folder, 'run.yaml');
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function withFile(text: string, flags: Parameters<typeof trainSettings>[0] = {}) {
  await writeFile(path, text);
  return trainSettings({ ...flags, config: path });
}

async function refusal(text: string, flags: Parameters<typeof trainSettings>[0] = {}): Promise<string> {
  const error = await withFile(text, flags).then(
    () => undefined,
    (reason: Error) => reason,
  );
  expect(error?.name).toBe('RunError');
  return (error as Error).message.replaceAll(`${folder}/`, '');
}

it('--teacher names a way to teach, or a model', async () => {
  expect((await trainSettings({ teacher: 'ema' })).config).toMatchObject({ teacher: 'ema' });
  expect((await trainSettings({ teacher: 'mini' })).config).toMatchObject({ teacher: 'other', teacherModel: 'mini' });
  await expect(trainSettings({ teacher: 'frosen' })).rejects.toThrow(
    '--teacher: there is no model folder or .gguf file at frosen. Did you mean "frozen"?',
  );
});

it('--thinking and --no-thinking, the preset beneath', async () => {
  const thinking = async (flags: object) => {
    const { config } = await trainSettings({ preset: 'paper-0.6b', model: folder, data: 'mini', ...flags });
    return config.thinking;
  };
  expect(await thinking({})).toBe(false);
  expect(await thinking({ thinking: true })).toBe(true);
  expect((await trainSettings({})).config.thinking).toBeUndefined();
});

it('flags win over the file, the file over the preset', async () => {
  const preset = (await trainSettings({ preset: 'mini' })).config;
  expect(preset).toMatchObject({ model: 'mini', steps: 40, groupSize: 8, seed: 0 });
  const { config, ...names } = await withFile('steps: 7\nseed: 3\nevaluation:\n  every: 2\n', {
    preset: 'mini',
    seed: 9,
  });
  expect(config).toEqual({ ...preset, steps: 7, seed: 9, evaluation: { ...preset.evaluation, every: 2 } });
  expect(names).toEqual({ preset: 'mini', method: 'tamtrl', methodNamed: false });
  expect((await trainSettings({})).preset).toBe('mini');
  expect(await withFile('steps: 7')).toMatchObject({ preset: 'custom', config: { steps: 7, groupSize: 8 } });
});

it('a configuration names a preset, and a flag overrides it', async () => {
  const preset = (await trainSettings({ preset: 'mini-long' })).config;
  expect(await withFile('preset: mini-long\nsteps: 7')).toEqual({
    config: { ...preset, steps: 7 },
    preset: 'mini-long',
    method: 'tamtrl',
    methodNamed: false,
  });
  expect(await withFile('preset: mini-long', { preset: 'mini' })).toMatchObject({ preset: 'mini' });
  expect(await trainSettings({ config: { preset: 'mini-long', steps: 7 } })).toMatchObject({ preset: 'mini-long' });
  await writeFile(path, 'preset: mini');
  expect(await sftSettings({ config: path })).toMatchObject({ preset: 'mini', config: { batchSize: 64 } });
  expect(await refusal('steps: 3\npreset: mni')).toBe('run.yaml:2:9: there is no preset "mni". Did you mean "mini"?');
  expect(await refusal('preset: 3')).toBe('run.yaml:1:9: expected the name of a preset, found 3.');
  await writeFile(path, 'preset: mini-long');
  await expect(sftSettings({ config: path })).rejects.toThrow('run.yaml:1:9: "mini-long" has no settings for sft.');
});

it('a named method is a patch below the settings of its own layer', async () => {
  const reward = async (text: string, flags = {}) => (await withFile(text, { preset: 'mini', ...flags })).config.reward;
  expect(await reward('method: tamtrl-no-minmax')).toMatchObject({ minmax: false, lengthNormalize: true });
  expect(await reward('method: tamtrl-no-minmax\nreward: { minmax: true }')).toMatchObject({ minmax: true });
  expect(await reward('method: tamtrl-no-minmax', { method: 'tamtrl-no-length-norm' })).toMatchObject({
    minmax: true,
    lengthNormalize: false,
  });
  const named = await trainSettings({ method: 'tamtrl-no-minmax' });
  expect(named).toMatchObject({ method: 'tamtrl-no-minmax', config: { method: 'tamtrl', reward: { minmax: false } } });
  expect(await trainSettings({ method: 'memagent' })).toMatchObject({ config: { method: 'memagent' } });
});

it('data of another kind replaces, of the same kind is mixed', async () => {
  const data = join(folder, 'questions.jsonl');
  await writeFile(data, '');
  expect((await trainSettings({ preset: 'mini', data })).config.data).toMatchObject({ kind: 'records', train: data });
  expect((await withFile('data: { chunks: 5 }', { preset: 'mini' })).config.data).toMatchObject({
    kind: 'mini',
    chunks: 5,
    factsPerChunk: 6,
  });
  expect((await withFile(`data: { kind: records, train: ${data} }`, { data: 'mini' })).config.data.kind).toBe('mini');
});

it('unknown settings: line, column and the nearest valid name', async () => {
  expect(await refusal('steps: 3\ngrupSize: 4\n')).toBe(
    'run.yaml:2:1: unknown setting "grupSize". Did you mean "groupSize"?',
  );
  expect(await refusal('reward:\n  alpha: 1\n  mnmax: true\n')).toBe(
    'run.yaml:3:3: unknown setting "mnmax" in reward. Did you mean "minmax"?',
  );
  expect(await refusal('data: { kind: mini, chnks: 3 }')).toBe(
    'run.yaml:1:21: unknown setting "chnks" in data. Did you mean "chunks"?',
  );
  expect(await refusal('overlong:\n  xyz: 1')).toBe(
    'run.yaml:2:3: unknown setting "xyz" in overlong. Expected one of: buffer, penalty, filter.',
  );
  expect(await refusal('a: 1\nb: 2\n')).toMatch(/^run.yaml:1:1: .*\nrun.yaml:2:1: /);
});

it('wrong values: line, column, what was expected and found', async () => {
  expect(await refusal('reward: { combine: prodct }')).toBe(
    'run.yaml:1:20: reward.combine: there is no "prodct". Did you mean "product"?',
  );
  expect(await refusal('data:\n  kind: recrods\n')).toBe(
    'run.yaml:2:9: data.kind: there is no "recrods". Did you mean "records"?',
  );
  expect(await refusal('steps: many')).toBe('run.yaml:1:8: steps: expected number, found "many".');
  expect(await refusal('\nsteps: 0')).toBe('run.yaml:2:8: steps: Too small: expected number to be >=1, found 0.');
  expect(await refusal('memory:')).toBe('run.yaml:1:8: memory: expected object, found null.');
  expect(await refusal('method: tamtlr')).toBe('run.yaml:1:9: there is no method "tamtlr". Did you mean "tamtrl"?');
  expect(await refusal('method: 3')).toBe('run.yaml:1:9: method: expected string, found 3.');
  expect(await refusal('model: mnii')).toBe(
    'run.yaml:1:8 (or --model): there is no model folder or .gguf file at mnii. Did you mean "mini"?',
  );
  expect(await refusal('data: { kind: records, train: no.jsonl }', { model: 'mini' })).toBe(
    'run.yaml:1:31 (or --data): expected a JSONL file of question records at no.jsonl, found nothing.',
  );
});

it('text that is not YAML, or not settings', async () => {
  expect(await refusal('steps: 3\nseed: [1, 2\nmodel: mini\n')).toMatch(/^run.yaml:3:1: not YAML: Flow sequence/);
  expect(await refusal('steps: 3\n\tseed: 1\n')).toMatch(/^run.yaml:2:1: not YAML: /);
  expect(await refusal('steps: 3\nsteps: 4\n')).toBe('run.yaml:2:1: not YAML: Map keys must be unique');
  expect(await refusal('- steps')).toMatch(/^run.yaml:1:1: expected settings .*, found a list/);
  await expect(trainSettings({ config: join(folder, 'none.yaml') })).rejects.toThrow(/Cannot read .*none.yaml: ENOENT/);
});

it('unknown names on the command line: the nearest valid one', async () => {
  await expect(trainSettings({ preset: 'mni' })).rejects.toThrow(
    '--preset: there is no preset "mni". Did you mean "mini"?',
  );
  await expect(trainSettings({ method: 'zzzzzzzz' })).rejects.toThrow(
    /--method: there is no method "zzzzzzzz". Expected one of: tamtrl, memagent, /,
  );
  await expect(trainSettings({ data: 'mnii' })).rejects.toThrow(
    '--data: expected a JSONL file of question records at mnii, found nothing. Did you mean "mini"?',
  );
  await expect(sftSettings({ preset: 'mini-long' })).rejects.toThrow(
    '--preset: "mini-long" has no settings for sft. Presets that have: mini, babilong.',
  );
});

it('presets that need something from the user say what is missing', async () => {
  const paper = await trainSettings({ preset: 'paper-0.6b' }).catch((error: Error) => error.message);
  expect(paper).toMatch(/paper-0\.6b trains Qwen3-0\.6B, .* server with GPUs .* Give --model: .* tinker:URL#MODEL/);
  expect(paper).toMatch(/needs question records: give --data FILE\.jsonl/);
  const data = join(folder, 'questions.jsonl');
  await writeFile(data, '');
  const { config } = await trainSettings({ preset: 'paper-0.6b', model: folder, data });
  expect(config).toMatchObject({ model: folder, learningRate: 1e-6, questionsPerStep: 32 });
});

it('nearness counts letters, swaps once, and does not guess wildly', () => {
  expect(editDistance('kitten', 'sitting')).toBe(3);
  expect(editDistance('tamtlr', 'tamtrl')).toBe(1);
  expect(editDistance('Steps', 'steps')).toBe(0);
  expect(editDistance('', 'abc')).toBe(3);
  expect(nearest('lerningrate', ['seed', 'learningRate'])).toBe('learningRate');
  expect(nearest('zzz', ['seed', 'topP'])).toBeUndefined();
  // The edit distance of that would take minutes.
  expect(nearest('k'.repeat(20_000_000), ['seed', 'topP'])).toBeUndefined();
});
