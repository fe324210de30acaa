/** The trainer on a policy at a Tinker server: the same program, five steps of TAMTRL over the wire, and what cannot be done there. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LocalPolicy, openLocalPolicy } from '../policy/local.js';
import { type EngineServer, engineServer } from '../policy/tinker/engine-server.test-support.js';
import { openTinkerPolicy, type TinkerPolicy } from '../policy/tinker/policy.js';
import { runConfigSchema } from './config.js';
import { miniSource } from './examples.js';
import { MINI_REINFORCEMENT } from './mini-preset.js';
import { train } from './trainer.js';

const model = fileURLToPath(new URL('../../models/mini', import.meta.url));
const config = runConfigSchema.parse({
  ...MINI_REINFORCEMENT,
  ...{ steps: 5, questionsPerStep: 4, groupSize: 4, klCoefficient: 0, savedTrajectories: 0 },
  evaluation: { every: 0, questions: 16 },
});
let root: string;
let engine: LocalPolicy;
let server: EngineServer;
let policy: TinkerPolicy;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tamtrl-tinker-'));
  engine = await openLocalPolicy(model);
  server = await engineServer({ policy: engine, scaling: 'average' });
  const { tokenizer, chat } = engine;
  policy = await openTinkerPolicy({
    baseUrl: server.url,
    model: 'mini',
    tokenizer,
    chat,
    scaling: 'average',
    pollPause: 2,
  });
});

afterAll(async () => {
  await policy.close();
  await server.close();
  await engine.close();
  await rm(root, { recursive: true, force: true });
});

async function finish(steps: number, folder: string, resume = false) {
  const { tokenizer } = engine;
  const run = train({
    ...{ config: { ...config, steps }, policy, folder: join(root, folder), resume },
    train: miniSource({ chunks: 4, factsPerChunk: 6, queries: 3 }, 2, tokenizer),
    heldOut: miniSource({ chunks: 4, factsPerChunk: 6, queries: 3 }, 1_000_005, tokenizer),
  });
  for (;;) {
    const next = await run.next();
    if (next.done) return next.value;
  }
}

test('five steps of TAMTRL, saved and gone on with', async () => {
  await finish(3, 'run');
  const summary = await finish(5, 'run', true);
  expect(summary.state.step).toBe(5);
  const lines = (await readFile(join(root, 'run/metrics.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const steps = lines.filter(({ kind }) => kind === 'step');
  expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5]);
  for (const { rows, updates, ratioMax, gradientNorm, reward, tokens } of steps) {
    expect(rows % 5).toBe(0);
    expect(reward).toBeGreaterThanOrEqual(0);
    expect(tokens.scored).toBeGreaterThan(0);
    if (updates === 0) continue;
    // The first update is on policy: sampled here and scored there by the same weights.
    expect(ratioMax).toBeCloseTo(1, 3);
    expect(gradientNorm).toBeGreaterThan(0);
  }
  expect(server.done.optim_step).toBe(steps.reduce((sum, { updates }) => sum + updates, 0));
  expect(JSON.parse(await readFile(join(root, 'run/checkpoints/last/tinker.json'), 'utf8'))).toMatchObject({
    model: 'mini',
    optimizer: true,
  });
});

test('what needs snapshots is refused before the first step', async () => {
  const start = (more: object) =>
    train({
      config: { ...config, ...more },
      policy,
      folder: join(root, 'no'),
      train: miniSource({}, 2, engine.tokenizer),
      heldOut: miniSource({}, 3, engine.tokenizer),
    }).next();
  await expect(start({ klCoefficient: 0.1 })).rejects.toThrow(
    /mini at http.* keeps no snapshot of its initial weights/,
  );
  await expect(start({ teacher: 'ema' })).rejects.toThrow(/snapshots of weights .* which mini at http.* does not keep/);
});
