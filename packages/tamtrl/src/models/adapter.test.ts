/** Folders with an adapter alone: whose base is meant, and what is refused. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { adapterAt, baseNameOf } from './adapter.js';
import { EMBEDDED_MINI } from './embedded.js';
import { openModel } from './open.js';
import { openTokenizer } from './tokenizer.js';

async function adapterOf(base: unknown): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'adapter-'));
  await writeFile(join(folder, 'adapter_config.json'), JSON.stringify({ base_model_name_or_path: base }));
  return folder;
}

it('the base is a folder, an embedded model, or one on the hub', async () => {
  expect((await adapterAt(await adapterOf(EMBEDDED_MINI)))?.base).toBe(EMBEDDED_MINI);
  expect((await adapterAt(await adapterOf('mini')))?.base).toBe('mini');
  expect((await adapterAt(await adapterOf('owner/model-1.5')))?.base).toBe('hf:owner/model-1.5');
  const beside = await adapterOf('base');
  await mkdir(join(beside, 'base'));
  expect(await adapterAt(beside)).toEqual({ folder: beside, baseName: 'base', base: join(beside, 'base') });
});

it('a model folder is not a run, whatever is next to its configuration', async () => {
  const folder = await adapterOf('mini');
  await writeFile(join(folder, 'config.json'), '{}');
  expect(await adapterAt(folder)).toBeUndefined();
  expect(await adapterAt(EMBEDDED_MINI)).toBeUndefined();
});

it('a base that is missing, or not named', async () => {
  await expect(adapterAt(await adapterOf('/not/there'))).rejects.toThrow(
    /belongs to \/not\/there, and there is no model at \/not\/there\. Put the base there/,
  );
  await expect(adapterAt(await adapterOf(null))).rejects.toThrow(/should name the adapter's base under/);
});

it('a saved adapter names its base so that it is found again', () => {
  expect(baseNameOf('mini')).toBe('mini');
  expect(baseNameOf('hf:owner/model')).toBe('owner/model');
  expect(baseNameOf('models/x')).toBe(resolve('models/x'));
  // PEFT knows neither revisions nor files.
  expect(baseNameOf('hf:owner/model:x.gguf')).toBe('hf:owner/model:x.gguf');
});

it('the tokenizer is that of the base', async () => {
  const [own, ofBase] = await Promise.all([await adapterOf('mini'), 'mini'].map((model) => openTokenizer(model)));
  expect(own.tokenizer.encode('anna')).toEqual(ofBase.tokenizer.encode('anna'));
});

it('a model on a server gets no local adapter', async () => {
  const opening = openModel('tinker:http://127.0.0.1:9?rank=4#owner/model', { adapter: { rank: 8 } });
  await expect(opening).rejects.toThrow(
    'The setting "adapter" is for models on this machine, and tinker:http://127.0.0.1:9?…#owner/model is on a server.',
  );
});
