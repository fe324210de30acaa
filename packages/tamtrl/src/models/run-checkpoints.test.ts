/** Which checkpoint a run's folder stands for. */
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { EMBEDDED_MINI } from './embedded.js';
import { openModel } from './open.js';
import { checkpointOf, checkpointOfAddress } from './run-checkpoints.js';
import { openTokenizer } from './tokenizer.js';

const root = await mkdtemp(join(tmpdir(), 'tamtrl-checkpoints-'));

afterAll(() => rm(root, { recursive: true, force: true }));

async function runWith(name: string, ...checkpoints: string[]): Promise<string> {
  const run = join(root, name);
  await mkdir(join(run, 'checkpoints'), { recursive: true });
  await writeFile(join(run, 'config.json'), '{}');
  for (const each of checkpoints) await cp(EMBEDDED_MINI, join(run, 'checkpoints', each), { recursive: true });
  return run;
}

it('the best one, else the final one', async () => {
  const improved = await runWith('improved', 'best', 'final', 'last');
  const plain = await runWith('plain', 'final', 'last');
  expect(await checkpointOf(improved)).toBe(join(improved, 'checkpoints/best'));
  expect(await checkpointOf(plain)).toBe(join(plain, 'checkpoints/final'));
  expect(await checkpointOf(EMBEDDED_MINI)).toBe(EMBEDDED_MINI);
  expect(await checkpointOfAddress('mini')).toBe('mini');
  const policy = await openModel(plain);
  await policy.close();
  expect(policy.contextLength).toBe(256);
  expect((await openTokenizer(improved)).tokenizer.vocabularySize).toBeGreaterThan(0);
});

it('a missing name is reported with the existing ones', async () => {
  const young = await runWith('young', 'last');
  await expect(openModel(young)).rejects.toThrow(`${young} is the folder of a run that has not saved a model yet`);
  const plain = join(root, 'plain');
  await expect(openModel(join(plain, 'checkpoints/best'))).rejects.toThrow(
    `There is no model at ${join(plain, 'checkpoints/best')}. "best" is written once an evaluation was better than the one before training. The run has ${join(plain, 'checkpoints/final')}.`,
  );
  await expect(openModel(join(root, 'nowhere'))).rejects.toThrow('expected a model folder');
});
