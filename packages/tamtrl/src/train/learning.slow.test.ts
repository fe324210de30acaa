/** Reinforcement from nearly nothing: a tiny warmed-up model learns to give the answers that are rewarded. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { miniSource } from '../data/examples.js';
import { MINI_CITIES } from '../data/mini/vocabulary.js';
import { closeTinyPolicies, tinyPolicy, tinyTokenizer } from '../policy/engine-pool.test-support.js';
import { RunFolder } from '../run/folder.js';
import { runConfigSchema, sftConfigSchema } from './config.js';
import type { MetricsLine } from './metrics.js';
import { train } from './reinforce.js';
import { warmUp } from './sft.js';

const memory = { questionTokens: 4, chunkTokens: 4, memoryTokens: 5, answerTokens: 3, prompts: 'mini' } as const;
const task = { chunks: 2, factsPerChunk: 2, queries: 1 };
const source = miniSource(task, 1, tinyTokenizer);
const heldOut = miniSource(task, 2, tinyTokenizer);
const evaluation = { questions: 2, every: 0 };
let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tamtrl-learning-'));
});

afterAll(async () => {
  await closeTinyPolicies();
  await rm(root, { recursive: true, force: true });
});

async function finish(run: AsyncGenerator<unknown>): Promise<void> {
  while (!(await run.next()).done);
}

it('reinforcement makes rewarded answers likely', async () => {
  const policy = await tinyPolicy();
  const warm = sftConfigSchema.parse({
    memory,
    evaluation,
    steps: 50,
    batchSize: 32,
    learningRate: 1e-2,
    checkpointEvery: 50,
  });
  await finish(warmUp({ config: warm, policy, train: source, heldOut, store: new RunFolder(join(root, 'warm')) }));
  // Any city of the first half of the alphabet is right, so chance is near a half.
  const answers = MINI_CITIES.slice(0, MINI_CITIES.length / 2);
  const easy = { ...source, get: async (index: number) => ({ ...(await source.get(index)), answers }) };
  const config = runConfigSchema.parse({
    memory,
    evaluation,
    steps: 12,
    groupSize: 8,
    questionsPerStep: 12,
    miniBatches: 3,
    checkpointEvery: 12,
    learningRate: 1e-2,
  });
  await finish(train({ config, policy, train: easy, heldOut, store: new RunFolder(join(root, 'learns')) }));
  const lines = (await readFile(join(root, 'learns/metrics.jsonl'), 'utf8')).trimEnd().split('\n');
  const rewards = lines
    .map((line) => JSON.parse(line) as MetricsLine)
    .flatMap((line) => (line.kind === 'step' ? [line.reward] : []));
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  expect(mean(rewards.slice(0, 2))).toBeLessThan(0.6);
  expect(mean(rewards.slice(-2))).toBeGreaterThan(0.7);
});
