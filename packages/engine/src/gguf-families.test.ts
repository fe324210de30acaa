/** GGUF files of every family against llama.cpp, whose source says some of what the files leave out. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { EngineCore } from './core.js';
import { largestDifference } from './reference.test-support.js';
import { GgufMetadata } from './weights/gguf-model.js';
import { loadPretrained } from './weights/pretrained.js';

const path = (file: string) => fileURLToPath(new URL(`../fixtures/gguf/${file}`, import.meta.url));

/**
 * llama.cpp looks up Gemma's GELU in a table of 16-bit numbers, which alone makes this much of a difference. A window,
 * a rotary base or a scale that is wrong makes at least ten times as much.
 */
const TABLE = 1e-2;

/** Log-probabilities of every token of the vocabulary after these ids. */
type Cases = Record<string, { ids: number[]; logProbabilities: number[] }[]>;
const cases: Cases = JSON.parse(readFileSync(path('llama-cpp.json'), 'utf8'));

it('every file has its cases', () => {
  const files = readdirSync(path('')).filter((name) => name.endsWith('.gguf'));
  const names = ['gemma3', 'gemma3-interval', 'gemma3-list', 'qwen2', 'smollm3'];
  expect(files.map((name) => name.replace('.gguf', '')).sort()).toEqual(names);
  expect(Object.keys(cases).sort()).toEqual(names);
});

it.each(Object.keys(cases))('%s.gguf: the log-probabilities of llama.cpp', async (family) => {
  const { config, parameters, files } = await loadPretrained(path(`${family}.gguf`));
  const core = new EngineCore(config, parameters, files, { threads: 1, execution: 'whole', microBatchTokens: 256 });
  for (const { ids, logProbabilities } of cases[family]) {
    const rows = logProbabilities.map((_, token) => ({ promptIds: ids, completionIds: [token] }));
    const scored = await core.score(rows, { temperature: 1 });
    const found = scored.map((row) => row.logProbabilities[0]);
    expect(largestDifference(found, logProbabilities)).toBeLessThan(family.startsWith('gemma3') ? TABLE : 1e-4);
  }
  await core.close();
});

it('Gemma 3: the file says which layers slide and by which base they rotate, or llama.cpp does', async () => {
  const windows = async (family: string) => (await loadPretrained(path(`${family}.gguf`))).config.slidingWindow;
  expect(await windows('gemma3')).toEqual({ tokens: 5, layers: [0, 1, 2, 3, 4, 6], ropeTheta: 10_000 });
  expect(await windows('gemma3-interval')).toEqual({ tokens: 5, layers: [0, 1, 3], ropeTheta: 50 });
  expect(await windows('gemma3-list')).toEqual({ tokens: 5, layers: [1, 3], ropeTheta: 50 });
});

it('an interval or a list of flags that cannot be one is refused', () => {
  const interval = (value: number | boolean[] | number[]) =>
    new GgufMetadata('x.gguf', new Map([['k', value]])).interval('k', 3);
  expect([interval(2), interval([1, 0, 1]), interval([true, true, false])]).toEqual([
    2,
    [true, false, true],
    [true, true, false],
  ]);
  const sentence =
    'Key "k" of x.gguf should be a positive whole number or a list of 3 flags, one for each layer, found ';
  expect(() => interval(0)).toThrow(`${sentence}0.`);
  expect(() => interval([1, 0])).toThrow(`${sentence}a list of 2.`);
  expect(() => interval([1, 2, 0])).toThrow(sentence);
});

it('sliding layers with heads of another size are refused', async () => {
  const bytes = readFileSync(path('gemma3.gguf'));
  bytes.write('gemma3.attention.key_length_swa', bytes.indexOf('gemma3.attention.sliding_window'));
  const file = join(mkdtempSync(join(tmpdir(), 'gguf-')), 'gemma3.gguf');
  writeFileSync(file, bytes);
  await expect(loadPretrained(file)).rejects.toThrow(
    'its sliding layers have other heads ("gemma3.attention.key_length_swa"); the engine supports 6, found 5.',
  );
});
