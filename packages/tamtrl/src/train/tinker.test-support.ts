/** The trainer on a policy at a Tinker server that runs the tiny engine. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { miniSource } from '../data/examples.js';
import { miniChat } from '../data/mini/tokenizer.js';
import { closeTinyPolicies, tinyPolicy, tinyTokenizer } from '../policy/engine-pool.test-support.js';
import {
  type EngineServer,
  type EngineServerOptions,
  engineServer,
} from '../policy/tinker/engine-server.test-support.js';
import { openTinkerPolicy, type TinkerPolicyOptions } from '../policy/tinker/policy.js';
import type { TrainablePolicy } from '../policy/types.js';
import { RunFolder } from '../run/folder.js';
import { type RunConfigInput, runConfigSchema } from './config.js';
import type { StepMetrics } from './metrics.js';
import { train } from './reinforce.js';

const tokenizer = tinyTokenizer;
const task = { chunks: 2, factsPerChunk: 2, queries: 1 };
export const base = {
  memory: { questionTokens: 4, chunkTokens: 4, memoryTokens: 5, answerTokens: 3, prompts: 'mini' },
  steps: 2,
  groupSize: 2,
  questionsPerStep: 2,
  learningRate: 1e-2,
  klCoefficient: 0,
  miniBatches: 2,
  evaluation: { questions: 2, every: 0 },
  reward: { combine: 'additive' },
} satisfies RunConfigInput;

let root: string;
const open: { close(): Promise<void> }[] = [];

/** Folders and servers of a test file. */
export function useServers(): void {
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'tamtrl-tinker-'));
  });

  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close();
  });

  afterAll(async () => {
    await closeTinyPolicies();
    await rm(root, { recursive: true, force: true });
  });
}

export function opened<T extends { close(): Promise<void> }>(each: T): T {
  open.push(each);
  return each;
}

export const served = async (more: Partial<EngineServerOptions> = {}): Promise<EngineServer> =>
  opened(await engineServer({ open: () => tinyPolicy(), pending: 0, ...more }));

export const remote = async (baseUrl: string, more: Partial<TinkerPolicyOptions> = {}) => {
  const options = { model: 'mini', tokenizer, chat: miniChat, backoff: 1, pollPause: 1, retries: 12 };
  return opened(await openTinkerPolicy({ baseUrl, ...options, ...more }));
};

export const start = (
  policy: TrainablePolicy,
  name: string,
  more: RunConfigInput = {},
  resume = false,
  signal?: AbortSignal,
) =>
  train({
    config: runConfigSchema.parse({ ...base, ...more }),
    policy,
    store: new RunFolder(join(root, name)),
    resume,
    signal,
    train: miniSource(task, 1, tokenizer),
    heldOut: miniSource(task, 2, tokenizer),
  });

export async function finish(...args: Parameters<typeof start>) {
  const run = start(...args);
  for (;;) {
    const next = await run.next();
    if (next.done) return next.value;
  }
}

export async function stepsOf(name: string): Promise<StepMetrics[]> {
  const lines = (await readFile(join(root, name, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  return lines.map((line) => JSON.parse(line)).filter(({ kind }) => kind === 'step');
}

/** What must be the same, however the calls travelled. */
export const essence = ({ step, reward, loss, rows, updates, ratio_max, turn_score, kl }: StepMetrics) => ({
  step,
  reward,
  loss,
  rows,
  updates,
  ratio_max,
  turn_score,
  kl,
});
