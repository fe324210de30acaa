/** Reward methods of one's own, given to `train()` as objects. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { miniSource } from '../data/examples.js';
import { closeTinyPolicies, tinyPolicy, tinyTokenizer } from '../policy/engine-pool.test-support.js';
import type { LocalPolicy } from '../policy/local.js';
import type { Policy } from '../policy/types.js';
import type { MethodContext, MethodResult, PreparationContext, RewardMethod } from '../reward/method.js';
import { methodNamed } from '../reward/methods.js';
import { RunFolder } from '../run/folder.js';
import { type RunConfigInput, runConfigSchema } from './config.js';
import { train } from './reinforce.js';
import type { ReinforcementSetup } from './requirements.js';

const task = { chunks: 2, factsPerChunk: 2, queries: 1 };
const memory = { questionTokens: 4, chunkTokens: 4, memoryTokens: 5, answerTokens: 3, prompts: 'mini' as const };

let root: string;
const policies: LocalPolicy[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tamtrl-scoring-'));
});

afterEach(async () => {
  for (const policy of policies.splice(0)) await policy.close();
});

afterAll(async () => {
  await closeTinyPolicies();
  await rm(root, { recursive: true, force: true });
});

async function opened(): Promise<LocalPolicy> {
  const policy = await tinyPolicy();
  policies.push(policy);
  return policy;
}

async function run(name: string, method: RewardMethod | string, more: Partial<ReinforcementSetup> = {}) {
  const folder = join(root, name);
  const training = train({
    config: configOf(),
    policy: await opened(),
    train: miniSource(task, 1, tinyTokenizer),
    heldOut: miniSource(task, 2, tinyTokenizer),
    store: new RunFolder(folder),
    method,
    ...more,
  });
  for (let next = await training.next(); !next.done; next = await training.next());
  const lines = (await readFile(join(folder, 'metrics.jsonl'), 'utf8')).trimEnd().split('\n');
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
  return { config, steps: lines.map((line) => JSON.parse(line)).filter(({ kind }) => kind === 'step') };
}

function configOf(more: RunConfigInput = {}) {
  return runConfigSchema.parse({
    memory,
    steps: 1,
    groupSize: 2,
    questionsPerStep: 2,
    evaluation: { questions: 2, every: 0 },
    reward: { combine: 'additive' },
    dynamicSampling: { enabled: false },
    ...more,
  });
}

const options = { short: z.number().default(3), minmax: z.boolean().default(true) };

/** Prefers short memories. */
const brevity = {
  name: 'brevity',
  summary: 'short memories',
  options,
  requires: {},
  prepare: async (context: PreparationContext<typeof options>) => {
    const { short, minmax } = context.options;
    context.note(`short is ${short}, minmax is ${minmax}`);
    return (await context.train.get(0)).id;
  },
  turnScores: async (groups, context: MethodContext<typeof options, string>): Promise<MethodResult> => ({
    scores: groups.map(({ trajectories }) =>
      trajectories.map(({ turns }) => turns.slice(0, -1).map((turn) => context.options.short - turn.memoryTokens)),
    ),
    metrics: { prepared: Number(context.prepared === 'mini-1-0') },
  }),
} satisfies RewardMethod<typeof options, string>;

describe('a method of your own', () => {
  it('trains under its name, with its options, and with what it has prepared', async () => {
    const notes: string[] = [];
    const reward = { ...configOf().reward, minmax: false, short: 100 };
    const config = { ...configOf(), reward };
    const { steps, config: saved } = await run('own', brevity, { config, note: (text) => void notes.push(text) });
    expect(notes).toEqual(['short is 100, minmax is false']);
    expect(steps[0].method).toEqual({ prepared: 1 });
    expect(steps[0].turn_score).toBeGreaterThan(100 - memory.memoryTokens - 1);
    expect(steps[0].turn_score).toBeLessThanOrEqual(100);
    expect(saved).toMatchObject({ method: 'brevity', reward: { short: 100 } });
    // It is resumed with the object, too, and prepared anew.
    const longer = { ...config, steps: 2 };
    expect((await run('own', brevity, { config: longer, resume: true })).steps[1].method).toEqual({ prepared: 1 });
    await expect(run('own', 'brevity', { config: longer, resume: true })).rejects.toThrow(
      'A method of your own is given to train() as an object.',
    );
  });

  it('is refused at its start if it needs what is not there, or an option does not fit', async () => {
    const copying = { ...brevity, requires: { copy: true } };
    await expect(run('bare', copying)).rejects.toThrow('The method brevity needs a second copy of the model');
    const reward = { ...configOf().reward, short: 'very' };
    await expect(run('unfit', brevity, { config: { ...configOf(), reward } })).rejects.toThrow(
      'The method brevity cannot use reward.short: expected number',
    );
  });

  it('ends the run with a sentence that names it where it returns no usable scores', async () => {
    const wrong = (scores: (turns: number) => number[]): RewardMethod => ({
      ...brevity,
      prepare: undefined,
      turnScores: async (groups) => ({
        scores: groups.map(({ trajectories }, g) =>
          trajectories.map(({ turns }, i) => (g === 1 && i === 0 ? scores(turns.length - 1) : [0, 0])),
        ),
      }),
    });
    await expect(
      run(
        'nan',
        wrong(() => [0, Number.NaN]),
      ),
    ).rejects.toThrow(
      'The method brevity returned NaN as the score of memory turn 1 of rollout 0 of group 1 ("mini-1-1")',
    );
    await expect(
      run(
        'short',
        wrong(() => [0]),
      ),
    ).rejects.toThrow(
      'The method brevity returned scores for 1 memory turns of rollout 0 of group 1 ("mini-1-1"), expected scores for 2',
    );
  });
});

describe('the method prm', () => {
  it('is refused for a policy that is not in this process, before a copy is opened', async () => {
    const policy = await opened();
    const remote = { ...stub(policy), name: 'remote' };
    await expect(
      run('remote', methodNamed('prm'), {
        policy: remote,
        openCopy: () => Promise.reject(new Error('opened')),
      }),
    ).rejects.toThrow(
      'The method prm trains a classifier beside the policy, which takes a local model; remote is not one.',
    );
  });
});

/** The same verbs in an object of another class. */
function stub(policy: LocalPolicy): ReinforcementSetup['policy'] {
  const { name, capabilities, tokenizer, chat, contextLength } = policy;
  const verbs: Policy = {
    name,
    capabilities,
    tokenizer,
    chat,
    contextLength,
    sample: (...args) => policy.sample(...args),
    score: (...args) => policy.score(...args),
    close: async () => {},
  };
  return verbs as ReinforcementSetup['policy'];
}
