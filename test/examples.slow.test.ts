/** The examples that train. Needs a build. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { readCompareConfig } from '../packages/tamtrl/src/run/comparison-config.js';
import { openRun } from '../packages/tamtrl/src/run/open.js';
import type { RunConfigInput } from '../packages/tamtrl/src/train/config.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);

it('examples/copy.mjs learns: the loss falls, and the copy of an unseen string is right', async () => {
  const { stdout } = await run(process.execPath, ['examples/copy.mjs'], { cwd: root });
  const losses = [...stdout.matchAll(/^step \d+, loss (\d+\.\d+)$/gm)].map(([, loss]) => Number(loss));
  expect(losses.length).toBeGreaterThan(5);
  // Nothing known of 27 tokens costs log 27 = 3.3 nats.
  expect(losses[0]).toBeGreaterThan(3);
  expect(losses.at(-1)).toBeLessThan(0.05);
  expect(stdout.trimEnd().split('\n').at(-1)).toBe('tamtrl -> tamtrl (stop)');
});

const compared = await Promise.all(
  ['compare-all.yaml', 'compare-variants.yaml'].map((name) => readCompareConfig(join(root, 'examples', name))),
);
const methods = compared.flatMap((config) => config.methods);

/** Two questions of three rollouts. */
const small: RunConfigInput = {
  data: { kind: 'babilong', tasks: ['qa1'], chunks: [3, 3], relevant: 'needed' },
  steps: 1,
  questionsPerStep: 2,
  groupSize: 3,
  evaluation: { every: 0, questions: 1 },
  reward: { processReward: { questions: 24 } },
  savedTrajectories: 0,
};

/** Each method once, without the control's file. */
const trained = new Set(methods.flatMap(({ train }) => train ?? []));
trained.delete('own');

it.each([...trained])('%s of the comparisons of all methods trains', async (method) => {
  const folder = await mkdtemp(join(tmpdir(), 'tamtrl-all-'));
  const run = { preset: 'babilong', model: 'babi', method, config: small, seed: 1, folder: join(folder, 'run') };
  let steps = 0;
  for await (const event of openRun(run)) {
    if (event.type !== 'step') continue;
    steps++;
    expect('reward' in event.metrics && Number.isFinite(event.metrics.reward)).toBe(true);
  }
  expect(steps).toBe(1);
  await rm(folder, { recursive: true });
});
