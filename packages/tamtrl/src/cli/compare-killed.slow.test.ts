/** `tamtrl compare` goes on with cells whose training was killed. Needs a build, as `npm test` makes one. */
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runQuietly } from './program.test-support.js';

const folder = await mkdtemp(join(tmpdir(), 'tamtrl-compare-killed-'));

it('continues cells whose training was killed at any moment', async () => {
  const file = join(folder, 'compare.yaml');
  const out = join(folder, 'compare');
  await writeFile(
    file,
    `out: ${out}
model: mini-random
seeds: [1, 2, 3, 4, 5]
baseline: tamtrl
preset: mini
train:
  steps: 1
  questionsPerStep: 1
  groupSize: 2
  evaluation: { every: 0, questions: 2 }
methods: [{ name: tamtrl, train: tamtrl }]
benchmarks: [{ name: b, data: { kind: mini, chunks: 2, facts: 2 }, questions: 2 }]
`,
  );
  const first = await runQuietly(['compare', file, '--jobs', '2']);
  expect(first.code, first.err).toBe(0);
  const cell = (seed: number) => join(out, 'training', `tamtrl-${seed}`);
  const tables = await readFile(join(out, 'results.csv'), 'utf8');
  const unfinished = async (seed: number) => {
    for (const name of ['train.json', 'checkpoints/final', 'report.md']) {
      await rm(join(cell(seed), name), { recursive: true });
    }
    for (const name of await readdir(join(out, 'evaluation'))) {
      if (name.startsWith(`tamtrl-${seed}-`)) await rm(join(out, 'evaluation', name), { recursive: true });
    }
  };
  for (const seed of [1, 2, 3, 4, 5]) await unfinished(seed);
  // Before its first file was whole.
  await rm(cell(1), { recursive: true });
  await mkdir(cell(1));
  await writeFile(join(cell(1), 'info.json.partial'), '{"comm');
  // Before its first checkpoint.
  for (const name of ['checkpoints', 'readings.json']) await rm(join(cell(2), name), { recursive: true });
  await writeFile(join(cell(2), 'metrics.jsonl'), '');
  await cp(join(cell(2), 'config.json'), join(cell(2), 'config.json.partial'));
  // Between the two renames of a checkpoint.
  await rename(join(cell(3), 'checkpoints/last'), join(cell(3), 'checkpoints/.last.old'));
  // The fourth after its last checkpoint, the fifth before its configuration was written.
  await rm(join(cell(5), 'config.json'));
  await rm(join(cell(5), 'checkpoints'), { recursive: true });
  await writeFile(join(cell(5), 'metrics.jsonl'), '');
  const again = await runQuietly(['compare', file, '--jobs', '2']);
  expect(again.code, again.err).toBe(0);
  expect(await readFile(join(out, 'results.csv'), 'utf8')).toBe(tables);
});

it('its parts end with it, though it was killed with -9', async () => {
  const file = join(folder, 'killed.yaml');
  const out = join(folder, 'killed');
  await writeFile(
    file,
    `out: ${out}
model: mini-random
seeds: [1]
baseline: tamtrl
preset: mini
train: { steps: 500, questionsPerStep: 1, groupSize: 2, evaluation: { every: 0, questions: 2 } }
methods: [{ name: tamtrl, train: tamtrl }]
benchmarks: [{ name: b, data: { kind: mini, chunks: 2, facts: 2 }, questions: 2 }]
`,
  );
  const executable = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
  const parent = spawn(process.execPath, [executable, 'compare', file], { stdio: 'ignore' });
  const cell = join(out, 'training', 'tamtrl-1');
  /** The process that writes to the cell. */
  const writer = async () => {
    const lock = (await readdir(cell).catch(() => [])).find((name) => name.startsWith('.lock-'));
    return lock === undefined ? undefined : Number(lock.split('-')[1]);
  };
  let pid = await writer();
  for (; pid === undefined; pid = await writer()) await new Promise((resolve) => setTimeout(resolve, 50));
  const second = await runQuietly(['compare', file]);
  expect([second.code, second.err]).toEqual([2, expect.stringMatching(/killed is being written to by process \d+\./)]);
  const gone = new Promise((resolve) => parent.on('exit', resolve));
  parent.kill('SIGKILL');
  await gone;
  const isAlive = () => {
    try {
      return process.kill(pid!, 0);
    } catch {
      return false;
    }
  };
  // The test's own limit is the only one.
  while (isAlive()) await new Promise((resolve) => setTimeout(resolve, 50));
});
