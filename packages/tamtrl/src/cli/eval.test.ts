/** `tamtrl eval` within this process: a trained model reads as it was trained to, and failures are told. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { miniExample, toRecord } from '../data/mini/task.js';
import { EMBEDDED_MINI } from '../models/embedded.js';
import { RunFolder } from '../run/folder.js';
import { runConfigSchema } from '../train/config.js';
import { runQuietly } from './program.test-support.js';

const folder = await mkdtemp(join(tmpdir(), 'tamtrl-eval-'));
const data = join(folder, 'mini.jsonl');
const questions = Array.from({ length: 3 }, (_, at) =>
  toRecord(miniExample({ chunks: 3, factsPerChunk: 2, queries: 1 }, 7, at)),
);
await writeFile(data, questions.map((record) => `${JSON.stringify(record)}\n`).join(''));

const trained = {
  questionTokens: 4,
  chunkTokens: 6,
  memoryTokens: 9,
  answerTokens: 5,
  empty: 'overwrite',
  align: 'sentence',
  prompts: 'mini',
} as const;
const run = new RunFolder(join(folder, 'run'));
await run.start(runConfigSchema.parse({ thinking: false, memory: trained }));
await run.saveModel('best', { exportModel: (place) => cp(EMBEDDED_MINI, place, { recursive: true }) });

afterAll(() => rm(folder, { recursive: true, force: true }));

const tamtrl = (...args: string[]) => runQuietly(args);

const settingsOf = async (name: string) =>
  JSON.parse(await readFile(join(folder, name, 'settings.json'), 'utf8')) as object;

it('reads as the model was trained to, from its run or from its folder alone', async () => {
  const exported = join(folder, 'exported');
  await cp(run.checkpoint('best'), exported, { recursive: true });
  for (const [name, model] of Object.entries({ ofRun: run.path, alone: exported })) {
    const { code, err } = await tamtrl('eval', '--model', model, '--data', data, '--out', join(folder, name));
    expect(code, err).toBe(0);
    expect(err).not.toContain('as asked for');
    expect(await settingsOf(name)).toMatchObject({ ...trained, documents: 'plain', thinking: false, temperature: 0 });
  }
  expect(await settingsOf('ofRun')).toMatchObject({ model: run.checkpoint('best') });
  const untrained = await tamtrl('eval', '--data', data, '--out', join(folder, 'untrained'));
  expect(untrained.code, untrained.err).toBe(0);
  expect(await settingsOf('untrained')).toMatchObject({ chunkTokens: 12, empty: 'keep', align: 'token' });
});

it('follows a flag that changes the reading, and says so', async () => {
  const flags = '--empty keep --align token --documents numbered --thinking --chunk-tokens 12 --memory-tokens 8'.split(
    ' ',
  );
  const out = join(folder, 'other');
  const { code, err } = await tamtrl('eval', '--model', run.path, '--data', data, '--out', out, ...flags);
  expect(code, err).toBe(0);
  expect(err).toContain(`${run.path} is the folder of a run: its model is ${run.checkpoint('best')}.`);
  for (const line of [
    'chunkTokens is 12',
    'memoryTokens is 8',
    'empty is keep',
    'documents is numbered',
    'thinking is true',
  ]) {
    expect(err).toContain(`${line} as asked for; the model was trained with`);
  }
  expect(await settingsOf('other')).toMatchObject({ empty: 'keep', align: 'token', chunkTokens: 12, answerTokens: 5 });
});

it('continues an evaluation that an earlier version started', async () => {
  const out = join(folder, 'untrained');
  const { empty: _, align: __, documents: ___, ...before } = (await settingsOf('untrained')) as Record<string, unknown>;
  await writeFile(join(out, 'settings.json'), JSON.stringify(before));
  expect((await tamtrl('eval', '--data', data, '--out', out, '--resume')).code).toBe(0);
  const other = await tamtrl('eval', '--data', data, '--out', out, '--resume', '--empty', 'overwrite');
  expect(other).toMatchObject({ code: 2, err: expect.stringContaining('empty was "keep" and is now "overwrite"') });
});

it('ask reads as the model was trained to', async () => {
  const text = join(folder, 'facts.txt');
  await writeFile(text, 'anna oslo\nben rome\nemma quito\njack bern\n');
  const turns = async (...flags: string[]) => {
    const { code, out, err } = await tamtrl('ask', text, 'anna', '--json', ...flags);
    expect(code, err).toBe(0);
    return { turns: JSON.parse(out).turns as number, err };
  };
  // Two tokens a line and one between: 6 tokens a chunk instead of 12.
  const usual = await turns('--model', 'mini');
  const own = await turns('--model', run.path);
  expect(own.turns).toBeGreaterThan(usual.turns);
  const asked = await turns('--model', run.path, '--chunk-tokens', '12');
  expect(asked.turns).toBe(usual.turns);
  expect(asked.err).toContain('chunkTokens is 12 as asked for; the model was trained with 6.');
});

it('says why records failed, and fails if all did', async () => {
  const long = questions.map((record) => ({ ...record, question: 'anna ben carl dan emma fred' }));
  const path = join(folder, 'long.jsonl');
  const write = (records: readonly object[]) =>
    writeFile(path, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  await write(long);
  const all = await tamtrl('eval', '--data', path, '--out', join(folder, 'all'));
  expect(all.code).toBe(1);
  expect(all.err).toMatch(
    /All 3 records failed\. The reason: The question of ".*" has \d+ tokens; questionTokens allows 5/,
  );
  await write([...long.slice(1), questions[0]]);
  const some = await tamtrl('eval', '--data', path, '--out', join(folder, 'some'));
  expect(some.code).toBe(0);
  expect(some.err).toMatch(/2 of 3 records failed\. The reason: /);
});
