/** Folders that earlier versions left when they were killed; `killed.slow.test.ts` kills runs at every call. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { statesOf } from './fs-steps.test-support.js';
import { outcome, small } from './killed.test-support.js';
import { runQuietly } from './program.test-support.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tamtrl-killed-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('folders of earlier versions', () => {
  it('a checkpoint without info.json is resumed', async () => {
    const settings = join(folder, 'old.yaml');
    await writeFile(settings, `${await small()}questionsPerStep: 2\ngroupSize: 2\nmethod: tamtrl-gated\n`);
    const whole = join(folder, 'old');
    const copies = join(folder, 'old-states');
    const states = await statesOf(whole, copies, async () => {
      expect((await runQuietly(['train', '--config', settings, '--out', whole])).code).toBe(0);
    });
    const { copy } = states.find(({ before }) => before === 'rm checkpoints/.last.old')!;
    await rm(join(copy, 'info.json'));
    const { code, err } = await runQuietly(['train', '--resume', copy]);
    expect(err).toContain('Continuing after step 0');
    expect(code, err).toBe(0);
    const { info: _, ...found } = await outcome(copy);
    const { info: __, ...expected } = await outcome(whole);
    expect(found).toEqual(expected);
  });
});

it('results without a checkpoint are not written over', async () => {
  const settings = join(folder, 'gone.yaml');
  await writeFile(settings, `${await small()}batchSize: 2\n`);
  const path = join(folder, 'gone');
  expect((await runQuietly(['sft', '--config', settings, '--out', path])).code).toBe(0);
  await rm(join(path, 'checkpoints'), { recursive: true });
  const before = await readFile(join(path, 'metrics.jsonl'), 'utf8');
  for (const args of [
    ['--resume', path],
    ['--config', settings, '--out', path],
  ]) {
    const { code, err } = await runQuietly(['sft', ...args]);
    expect(err).toContain('metrics.jsonl holds the results of a run whose checkpoint is gone.');
    expect(code).toBe(2);
  }
  expect(await readFile(join(path, 'metrics.jsonl'), 'utf8')).toBe(before);
});
