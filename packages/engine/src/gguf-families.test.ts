/** GGUF files of every family against llama.cpp, whose source says some of what the files leave out. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { EngineCore } from './core.js';
import { largestDifference } from './reference.test-support.js';
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
  expect(files.sort()).toEqual(['gemma3.gguf', 'qwen2.gguf', 'smollm3.gguf']);
  expect(Object.keys(cases).sort()).toEqual(files.map((name) => name.replace('.gguf', '')));
});

it.each(Object.keys(cases))('%s.gguf: the log-probabilities of llama.cpp', async (family) => {
  const { config, parameters, files } = await loadPretrained(path(`${family}.gguf`));
  const core = new EngineCore(config, parameters, files, { threads: 1, execution: 'whole', microBatchTokens: 256 });
  for (const { ids, logProbabilities } of cases[family]) {
    const rows = logProbabilities.map((_, token) => ({ promptIds: ids, completionIds: [token] }));
    const scored = await core.score(rows, { temperature: 1 });
    const found = scored.map((row) => row.logProbabilities[0]);
    expect(largestDifference(found, logProbabilities)).toBeLessThan(family === 'gemma3' ? TABLE : 1e-4);
  }
  await core.close();
});
