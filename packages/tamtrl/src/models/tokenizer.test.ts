/** A tokenizer is opened without its model's weights. */
import { copyFile, cp, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openLocalPolicy } from '../policy/local.js';
import { EMBEDDED_MINI } from './embedded.js';
import { openTokenizer } from './tokenizer.js';

const GGUF = fileURLToPath(new URL('../../../engine/fixtures/weights/qwen3.gguf', import.meta.url));
const folder = () => mkdtemp(join(tmpdir(), 'tokenizer-'));

describe('openTokenizer', () => {
  it.each(['mini', 'mini-random', EMBEDDED_MINI])('%s', async (model) => {
    const { tokenizer, chat } = await openTokenizer(model);
    expect(tokenizer.decode(tokenizer.encode('anna oslo'))).toBe('anna oslo');
    expect((await chat()).stopIds).toEqual([tokenizer.idOf('<eos>')]);
  });

  it('a folder without weights', async () => {
    const place = await folder();
    await cp(EMBEDDED_MINI, place, { recursive: true });
    await rm(join(place, 'model.safetensors'));
    const { tokenizer } = await openTokenizer(place);
    expect(tokenizer.encode('anna')).toHaveLength(1);
  });

  it('a .gguf file: the same tokenizer as with its weights', async () => {
    const policy = await openLocalPolicy(GGUF, { chat: { render: () => '', stopIds: [] } });
    await policy.close();
    const { tokenizer } = await openTokenizer(GGUF);
    const text = 'Ann sold the horse in 1907.\n';
    expect(tokenizer.vocabularySize).toBe(policy.tokenizer.vocabularySize);
    expect(tokenizer.encode(text)).toEqual(policy.tokenizer.encode(text));
  });

  it('a .gguf file: reads its header only, whatever is in the weights and whatever the architecture', async () => {
    const place = join(await folder(), 'other.gguf');
    await copyFile(GGUF, place);
    const bytes = await readFile(place);
    const name = bytes.indexOf('qwen3', bytes.indexOf('general.architecture'));
    const file = await open(place, 'r+');
    await file.write('other', name);
    await file.write(Buffer.alloc(64, 0xff), 0, 64, bytes.length - 64);
    await file.close();
    await expect(openLocalPolicy(place)).rejects.toThrow(/other/);
    expect((await openTokenizer(place)).tokenizer.encode('horse').length).toBeGreaterThan(0);
  });

  it('a .gguf file without a usable vocabulary, or that is not GGUF: one sentence', async () => {
    const place = join(await folder(), 'OTHER.GGUF');
    await copyFile(GGUF, place);
    const bytes = await readFile(place);
    await writeFile(place, bytes.fill('bert', bytes.indexOf('gpt2'), bytes.indexOf('gpt2') + 4));
    await expect(openTokenizer(place)).rejects.toThrow(
      /OTHER\.GGUF has a vocabulary of kind "bert" \(WordPiece\); .* Load the original folder with its tokenizer\.json\.$/,
    );
    await expect(openTokenizer(join(GGUF, '../quantised.gguf'))).rejects.toThrow(
      /quantised\.gguf lacks the key "tokenizer\.ggml\.model"/,
    );
    await writeFile(place, 'no model');
    await expect(openTokenizer(place)).rejects.toThrow(/OTHER\.GGUF is damaged or not a GGUF file/);
  });

  it.each(['openai:http://127.0.0.1:9/v1#m', 'tinker:http://127.0.0.1:9#m'])('%s is refused', async (model) => {
    await expect(openTokenizer(model)).rejects.toThrow(
      `${model} is on a server, not on this machine: expected a model folder, a .gguf file,`,
    );
  });
});
