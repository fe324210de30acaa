/** Warm-up from random weights, and training from what it leaves, as commands within this process. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { small } from './killed.test-support.js';
import { runQuietly } from './program.test-support.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tamtrl-warm-up-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (...args: string[]) => runQuietly(args);

it('warm-up from random weights is reproducible bit by bit, and differs for another seed', async () => {
  const settings = join(folder, 'settings.yaml');
  // Weights of the seed.
  const text = (await small()).replace(/model: .*/, 'model: mini-random');
  const twoSteps = text.replace('steps: 1', 'steps: 2').replace('questions: 2', 'questions: 4');
  await writeFile(settings, `${twoSteps}batchSize: 2\n`);
  const weights = async (name: string, seed: string) => {
    const out = join(folder, name);
    const { code, out: said } = await run('sft', '--config', settings, '--seed', seed, '--out', out, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(said)).toMatchObject({ method: 'sft', steps: 2, exact_match: { before: 0 } });
    return readFile(join(out, 'checkpoints/final/model.safetensors'));
  };
  const [first, second, other] = [await weights('a', '1'), await weights('b', '1'), await weights('c', '2')];
  expect(first.equals(second)).toBe(true);
  expect(first.equals(other)).toBe(false);
  expect(await readdir(join(folder, 'a'))).toEqual(expect.arrayContaining(['loss.svg', 'report.md']));
  // The result is a model folder that training opens.
  const model = join(folder, 'a/checkpoints/final');
  const train = ['train', '--config', settings.replace('settings', 'train'), '--model', model];
  await writeFile(
    settings.replace('settings', 'train'),
    `${twoSteps}questionsPerStep: 2\ngroupSize: 2\nreward: { combine: additive }\n`,
  );
  const trained = await run(...train, '--steps', '1', '--out', join(folder, 'd'));
  expect(trained.err).not.toContain('tamtrl:');
  expect(trained.code).toBe(0);
  expect(trained.out).toMatch(/held out \(4 questions\) +before +after step 1 +change/);
  expect(trained.out).toMatch(/Before training\nQuestion .*\n {2}Section 1 .*\n {2}Memory 1 .*\n/);
  expect(trained.out).toMatch(/After training\n/);
  expect(trained.out).toMatch(/^sampled +[\d,]+ +[\d,]+$/m);
  // A folder that holds a run is not written over.
  expect(await run(...train, '--out', join(folder, 'd'))).toMatchObject({
    code: 2,
    err: expect.stringContaining('already holds a run. Resume it'),
  });
  // What fails while it runs is no fault of the arguments.
  await writeFile(join(folder, 'file'), '');
  const failed = await run(...train, '--out', join(folder, 'file/run'));
  expect(failed.err).toMatch(/tamtrl: ENOTDIR.*is a file, not a folder: check the path\.\n$/);
  expect(failed.code).toBe(1);
  const wrong = await run('sft', '--resume', join(folder, 'd'));
  expect(wrong.err).toContain('was started with "tamtrl train"; resume it with that.');
});
