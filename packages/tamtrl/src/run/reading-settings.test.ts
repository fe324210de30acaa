/** Settings of a reading travel with the model. */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readingDifferences, readingFrom, readingOf } from '../memory/reading-settings.js';
import { EMBEDDED_MINI } from '../models/embedded.js';
import { READING_FILE, savedReading } from '../models/reading-file.js';
import { createMemoryReader } from '../reader/read-document.js';
import { runConfigSchema } from '../train/config.js';
import { RunFolder } from './folder.js';

const limits = { questionTokens: 4, chunkTokens: 6, memoryTokens: 9, answerTokens: 5 };
const memory = { ...limits, empty: 'overwrite', align: 'sentence', prompts: 'mini' } as const;
const config = runConfigSchema.parse({
  thinking: false,
  memory: { ...memory, maxChunks: 3 },
  evaluation: { temperature: 0.5 },
});
const settings = { ...memory, documents: 'plain', thinking: false, temperature: 0.5, topP: 1 };

let root: string;
let run: RunFolder;
const trainedReading = async (model: string) => readingFrom(await savedReading(model));
const policy = { exportModel: (place: string) => cp(EMBEDDED_MINI, place, { recursive: true }) };

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tamtrl-reading-'));
  run = new RunFolder(join(root, 'run'));
  await run.start(config);
  await run.saveModel('final', policy);
});

afterAll(() => rm(root, { recursive: true, force: true }));

describe('the settings of a training', () => {
  it('are those of its configuration', () => {
    expect(readingOf(config)).toEqual(settings);
    const records = runConfigSchema.parse({ data: { kind: 'records', train: 'a.jsonl' } });
    expect(readingOf(records)).toMatchObject({ documents: 'numbered', empty: 'keep', chunkTokens: 5000 });
  });

  it('are in the model folder, wherever it is moved to', async () => {
    const moved = join(root, 'moved');
    await cp(run.checkpoint('final'), moved, { recursive: true });
    for (const place of [moved, run.checkpoint('final'), run.path]) {
      expect(await trainedReading(place)).toEqual(settings);
    }
    expect(await trainedReading('mini')).toBeUndefined();
    expect(await trainedReading('babi')).toMatchObject({ prompts: 'babi', align: 'sentence', chunkTokens: 64 });
    expect(await trainedReading(EMBEDDED_MINI)).toBeUndefined();
  });

  it('are found in the run of a model that an earlier version wrote', async () => {
    const old = join(root, 'old');
    await mkdir(join(old, 'checkpoints'), { recursive: true });
    await cp(EMBEDDED_MINI, join(old, 'checkpoints/final'), { recursive: true });
    // Written before these settings were there, and with one that is no more.
    const { align: _, ...older } = config.memory;
    await writeFile(join(old, 'config.json'), JSON.stringify({ ...config, memory: older, former: 1 }));
    expect(await trainedReading(join(old, 'checkpoints/final'))).toEqual({ ...settings, align: 'token' });
    expect(await trainedReading(old)).toEqual({ ...settings, align: 'token' });
  });

  it('are not guessed if the file is damaged', async () => {
    const damaged = join(root, 'damaged');
    await cp(run.checkpoint('final'), damaged, { recursive: true });
    const place = join(damaged, READING_FILE);
    const whole = JSON.parse(await readFile(place, 'utf8')) as object;
    await writeFile(place, JSON.stringify({ ...whole, empty: 'forget' }));
    await expect(trainedReading(damaged)).rejects.toThrow(`${place} does not say how its model reads: empty: `);
    await writeFile(place, JSON.stringify({ ...whole, format: 'tamtrl-reading-9' }));
    await expect(trainedReading(damaged)).rejects.toThrow('expected format tamtrl-reading-1, found "tamtrl-reading-9"');
    await writeFile(place, '{');
    await expect(trainedReading(damaged)).rejects.toThrow('found none');
  });

  it('hold for a reader of a named model, unless others are given', async () => {
    const reader = await createMemoryReader({ model: run.path, question: 'anna', chunkTokens: undefined });
    expect(reader.budgets).toEqual(limits);
    await reader.close();
    const other = await createMemoryReader({ model: run.path, question: 'anna', chunkTokens: 12 });
    expect(other.budgets).toEqual({ ...limits, chunkTokens: 12 });
    await other.close();
  });

  it('differ where it was asked for', () => {
    const trained = readingOf(config);
    expect(readingDifferences({ chunkTokens: 12, memoryTokens: 9, align: 'token', topP: undefined }, trained)).toEqual([
      'chunkTokens is 12 as asked for; the model was trained with 6.',
      'align is token as asked for; the model was trained with sentence.',
    ]);
    expect(readingDifferences({ chunkTokens: 12 }, undefined)).toEqual([]);
  });
});
