/** Documents that are read again: only what has changed costs anything. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { miniExample } from '../data/mini/task.js';
import { openModel } from '../models/open.js';
import type { GenerateOptions, GenerateRequest, Policy } from '../policy/types.js';
import { type KeptReadingsOptions, keptReadings } from './kept-readings.js';
import { type DocumentOutcome, readDocuments } from './read-documents.js';

let mini: Policy;
beforeAll(async () => {
  mini = await openModel('mini');
});
afterAll(() => mini.close());

const question = 'anna ben emma';
const factsOf = (seed: number, chunks: number) =>
  miniExample({ chunks, factsPerChunk: 6 }, 3, seed)
    .chunks.flat()
    .map(({ key, value }) => `${key} ${value}`)
    .join('\n');
const texts = [factsOf(1, 8), factsOf(2, 12), 'anna oslo\nben rome'];

const folder = () => mkdtemp(join(tmpdir(), 'kept-'));
const names = (documents: readonly unknown[]) => documents.map((_, at) => `d${at}.txt`);

/** Reads with the folder's states, and counts the prompts. */
async function read(states: string, documents: readonly string[], failAt = Number.POSITIVE_INFINITY) {
  let prompts = 0;
  const model = Object.create(mini, {
    sample: {
      value: async (requests: readonly GenerateRequest[], options: GenerateOptions) => {
        prompts += requests.length;
        if (prompts > failAt) throw new Error('out of memory');
        return mini.sample(requests, options);
      },
    },
  });
  const options: KeptReadingsOptions = { documents: names(documents), question, model: 'mini' };
  const store = await keptReadings(states, options);
  const outcomes = await readDocuments({ model, question, documents, sideBySide: 1, states: store });
  return { outcomes, prompts };
}

const answersOf = (outcomes: readonly DocumentOutcome[]) =>
  outcomes.map(({ reading, error }) => reading?.answers ?? error?.message);

it('documents that are as they were cost nothing, and have the same answers', async () => {
  const states = await folder();
  const first = await read(states, texts);
  const again = await read(states, texts);
  expect(again.prompts).toBe(0);
  expect(answersOf(again.outcomes)).toEqual(answersOf(first.outcomes));
  expect(first.outcomes[1].reading?.tokens.total).toBeGreaterThan(0);
  expect(again.outcomes[1].reading?.tokens).toMatchObject({ prompt: 0, output: 0, total: 0 });
  expect(again.outcomes[1].reading?.turns).toBe(first.outcomes[1].reading?.turns);
});

it('a document that has grown is read from there, and one that was replaced from its beginning', async () => {
  const states = await folder();
  const before = await read(states, texts);
  const grown = `${texts[1]}\nanna quito\n`;
  const now = [texts[0], grown, 'emma bern'];
  const after = await read(states, now);
  const fresh = await read(await folder(), now);
  expect(answersOf(after.outcomes)).toEqual(answersOf(fresh.outcomes));
  expect(after.prompts).toBeLessThan(before.prompts / 3);
  const others = [factsOf(9, 5), factsOf(8, 5), texts[2]];
  const replaced = await read(states, others);
  expect(answersOf(replaced.outcomes)).toEqual(answersOf((await read(await folder(), others)).outcomes));
  expect((await read(states, others)).prompts).toBe(0);
});

it('what a model that failed had read is not read again', async () => {
  const whole = await read(await folder(), texts.slice(1, 2));
  const states = await folder();
  const failed = await read(states, texts.slice(1, 2), 6);
  expect(answersOf(failed.outcomes)[0]).toMatch(/Reading stopped at chunk \d+: out of memory/);
  const rest = await read(states, texts.slice(1, 2));
  expect(answersOf(rest.outcomes)).toEqual(answersOf(whole.outcomes));
  expect(rest.prompts).toBeLessThan(whole.prompts - 2);
});

it('a state that somebody else holds fails its document alone; a file is no folder', async () => {
  const states = await folder();
  const options = { documents: names(texts), question, model: 'mini' };
  const other = await keptReadings(states, options);
  await other.take(1);
  const { outcomes } = await read(states, texts);
  expect(outcomes.map(({ error }) => error !== undefined)).toEqual([false, true, false]);
  expect(outcomes[1].error?.message).toMatch(/is being written to by this program/);
  await other.release(1);
  expect((await read(states, texts)).outcomes[1].error).toBeUndefined();
  const path = join(states, 'file');
  await writeFile(path, '');
  await expect(keptReadings(path, options)).rejects.toThrow(`but ${path} is a file.`);
});
