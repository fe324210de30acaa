/** Reward methods of one's own, given to `train()` as objects. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { miniSource } from '../data/examples.js';
import { MINI_CITIES } from '../data/mini/vocabulary.js';
import { memoryTurns } from '../memory/trajectory.js';
import { closeTinyPolicies, tinyPolicy, tinyTokenizer } from '../policy/engine-pool.test-support.js';
import type { LocalPolicy } from '../policy/local.js';
import type { ForwardBackwardOptions, TrainingRow } from '../policy/types.js';
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
      'Pass a method of your own to train() as an object.',
    );
  });

  it('is refused at the start if a requirement is missing, or an option does not fit', async () => {
    const copying = { ...brevity, requires: { copy: true } };
    await expect(run('bare', copying)).rejects.toThrow('The method brevity needs a second copy of the model');
    const reward = { ...configOf().reward, short: 'very' };
    await expect(run('unfit', brevity, { config: { ...configOf(), reward } })).rejects.toThrow(
      'The method brevity cannot use reward.short: expected number',
    );
  });

  it('ends the run with a sentence that names the method if it returns no usable scores', async () => {
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
  it('makes the same classifier when a run is resumed: the steps after are those of a run that was not broken off', async () => {
    const reward = { ...configOf().reward, processReward: { questions: 20 } };
    const config = (steps: number) => ({ ...configOf(), method: 'prm', steps, reward });
    const notes: string[] = [];
    const note = (text: string) => void notes.push(text);
    const whole = await run('whole', 'prm', { config: config(2), note });
    await run('broken off', 'prm', { config: config(1), note });
    const resumed = await run('broken off', 'prm', { config: config(2), resume: true, note });
    const scores = ({ steps }: typeof whole) =>
      steps.map(({ step, method, turn_score }) => ({ step, method, turn_score }));
    expect(scores(resumed)).toEqual(scores(whole));
    expect(scores(whole)).toHaveLength(2);
    expect(notes).toHaveLength(6);
    expect(new Set(notes).size).toBe(2);
  });
});

it('rollouts that were drawn ahead are scored by the weights that drew them', async () => {
  // Every fact is asked for, so what is relevant is the whole chunk, and the teacher's prompts are the student's.
  const whole = { chunks: 2, factsPerChunk: 1, queries: 2 };
  const short = { ...memory, chunkTokens: 2 };
  const tamtrl = methodNamed('tamtrl');
  const differences: number[] = [];
  const checked: RewardMethod = {
    ...tamtrl,
    name: 'checked',
    turnScores: async (groups, context) => {
      const result = await tamtrl.turnScores(groups, context);
      groups.forEach((group, g) => {
        group.trajectories.forEach((trajectory, i) => {
          memoryTurns(trajectory).forEach(({ logProbabilities }, t) => {
            const sampled = logProbabilities.reduce((a, b) => a + b, 0) / logProbabilities.length;
            differences.push(Math.abs(sampled - (result.scores?.[g][i][t] ?? Number.NaN)));
          });
        });
      });
      return result;
    },
  };
  const reward = { combine: 'additive', minmax: false, scale: 'logprob', scoreSpan: 'all' } as const;
  const config = configOf({ memory: short, steps: 3, asyncRollouts: true, learningRate: 1e-2, reward });
  await run('ahead', checked, {
    config,
    train: miniSource(whole, 1, tinyTokenizer),
    heldOut: miniSource(whole, 2, tinyTokenizer),
  });
  expect(differences).toHaveLength(3 * 2 * 2 * 2);
  expect(Math.max(...differences)).toBeLessThan(1e-4);
});

describe('baselines that imitate', () => {
  it('STaR learns from its own rollouts that end right, and learns nothing without any', async () => {
    const none = await run('star-none', 'memagent', { config: configOf({ objective: 'star', steps: 1 }) });
    expect(none.steps[0]).toMatchObject({ reward: 0, updates: 0, rows: 0 });
    // Any of twenty words counts as right: random weights write one now and then.
    const source = miniSource(task, 1, tinyTokenizer);
    const answers = MINI_CITIES.slice(0, 20);
    const easy = { ...source, get: async (index: number) => ({ ...(await source.get(index)), answers }) };
    const reward = { outcome: { metric: 'sub_exact_match' } } as const;
    const some = await run('star', 'memagent', {
      config: configOf({ objective: 'star', groupSize: 8, questionsPerStep: 4, reward }),
      train: easy,
    });
    const [step] = some.steps;
    // Three conversations of each rollout that was right; its advantage is 1, the others are not learned.
    expect(step.rows % 3).toBe(0);
    expect(step.rows).toBeGreaterThan(0);
    expect(step.rows).toBeLessThan(8 * 4 * 3);
    expect(step).toMatchObject({ kl: 0, clip_fraction: 0 });
  });

  it("distillation learns the teacher's outputs for the relevant part, with the prompts of the whole chunks", async () => {
    const policy = await opened();
    const prompts: string[] = [];
    const target = Object.create(policy, {
      forwardBackward: {
        value: (rows: TrainingRow[], options: ForwardBackwardOptions) => {
          prompts.push(...rows.map(({ promptIds }) => tinyTokenizer.decode(promptIds)));
          expect(options.loss.kind).toBe('cross-entropy');
          return policy.forwardBackward(rows, options);
        },
      },
    }) as LocalPolicy;
    const { steps } = await run('distilled', 'memagent', {
      policy: target,
      config: configOf({ objective: 'distillation', teacher: 'frozen', questionsPerStep: 1 }),
    });
    expect(steps[0]).toMatchObject({ rows: 2 * 3, groups: 1, updates: 1 });
    // No chunk of the sampled prompts was left filtered: two facts of two tokens each stand in every section.
    const sections = prompts.filter((prompt) => prompt.includes('<section>'));
    expect(sections).toHaveLength(4);
    for (const prompt of sections) {
      expect(prompt.slice(prompt.indexOf('<section>'), prompt.indexOf('<update>')).trim().split(' ')).toHaveLength(5);
    }
  });

  it('distillation needs relevance marks', async () => {
    const bare = { ...miniSource(task, 1, tinyTokenizer), relevance: false };
    await expect(
      run('undistilled', 'memagent', { config: configOf({ objective: 'distillation' }), train: bare }),
    ).rejects.toThrow('Distillation lets a teacher read only what is relevant');
  });
});

it('a single rollout, which has nothing to compare with, is refused', async () => {
  const alone = (method: string, more: RunConfigInput) =>
    run(`alone-${method}`, method, { config: configOf({ groupSize: 1, ...more }) });
  await expect(alone('tamtrl', { advantage: 'mean' })).rejects.toThrow('groupSize is 1: a single rollout has nothing');
  await expect(alone('tamtrl', { advantage: 'kind-mean' })).rejects.toThrow('"kind-mean" compares answers');
  await expect(alone('memagent', {})).rejects.toThrow('every turn of it earns the same');
  await expect(alone('infomem', {})).rejects.toThrow('every turn of it earns the same');
  await expect(alone('himpo', {})).rejects.toThrow('himpo compares memories of several rollouts');
  // Over the question the turns of one rollout can be compared.
  expect((await alone('tamtrl', {})).steps).toHaveLength(1);
});

it('the watchdog ends a run that asks for it, saved, after three steps without a gradient', async () => {
  const equal: RewardMethod = {
    name: 'equal',
    summary: 'the same for all',
    requires: {},
    turnScores: async (groups) => ({
      scores: groups.map(({ trajectories }) => trajectories.map((rollout) => memoryTurns(rollout).map(() => 0))),
    }),
  };
  const idle: RunConfigInput = { steps: 6, dynamicSampling: { enabled: true, maxRounds: 1 } };
  const config = configOf({ ...idle, watchdog: 'stop' });
  const ended = await run('watched', equal, { config });
  expect(ended.steps).toHaveLength(3);
  // The rest is done once nobody watches; three more steps would be needed for another warning.
  expect((await run('watched', equal, { config: configOf(idle), resume: true })).steps).toHaveLength(6);
});

it('DAPO drops groups whose outcomes are equal, although their turns have advantages', async () => {
  const drawn = async (criterion?: 'outcome') => {
    const config = configOf({ dynamicSampling: { maxRounds: 1, criterion } });
    return (await run(`criterion-${criterion}`, 'tamtrl', { config })).steps[0];
  };
  // Random models never answer right.
  expect(await drawn()).toMatchObject({ reward: 0, groups: 2, dropped_groups: 0 });
  expect(await drawn('outcome')).toMatchObject({ reward: 0, groups: 0, dropped_groups: 2, updates: 0 });
});

it('a reward of your own sees the answer that the extraction of the run finds', async () => {
  const seen: string[] = [];
  const reward = {
    name: 'seeing',
    outcome: ({ answer, sample }: { answer: string; sample: number }) => {
      seen.push(answer);
      return sample;
    },
  };
  const extraction = { boxed: true, requireBox: true };
  const config = configOf({ reward: { outcome: { extraction } } });
  await run('seeing', 'memagent', { config, reward });
  // No output has a box.
  expect(seen).toEqual(['', '', '', '']);
});

describe('ratios and importance weights in a run', () => {
  /** Random models never answer right; these outcomes tell rollouts apart. */
  const reward = { name: 'numbered', outcome: ({ sample }: { sample: number }) => sample };
  // Bounds that clip nothing, and steps that move the ratio.
  const wide = { clipLow: 0.999, clipHigh: 1000, learningRate: 0.02, klCoefficient: 0.1, epochs: 3 };
  const lastStep = async (name: string, more: RunConfigInput) =>
    (await run(name, 'memagent', { config: configOf({ ...wide, ...more }), reward })).steps[0];

  it('CISPO without clipping has the gradient of PPO without clipping, also once the ratios have moved', async () => {
    const ppo = await lastStep('ppo', {});
    const cispo = await lastStep('cispo', { ratio: 'cispo' });
    expect(Math.abs(ppo.ratio_mean - 1)).toBeGreaterThan(0.01);
    expect(cispo.ratio_mean).toBeCloseTo(ppo.ratio_mean, 4);
    expect(cispo.gradient_norm).toBeCloseTo(ppo.gradient_norm, 4);
    expect(cispo.kl).toBeCloseTo(ppo.kl, 4);
    expect(Math.abs(ppo.approximate_kl)).toBeGreaterThan(1e-3);
    expect(cispo.approximate_kl).toBeCloseTo(ppo.approximate_kl, 4);
    // Two of the three updates read the rows once more.
    expect(cispo.tokens.scored - ppo.tokens.scored).toBe((2 * ppo.tokens.trained) / 3);
  });

  it('GSPO differs from it once the ratios have moved, and clips whole sequences', async () => {
    const sequences = { aggregation: 'sequence-mean' } as const;
    const token = await lastStep('token', sequences);
    const sequence = await lastStep('sequence', { ...sequences, ratio: 'sequence' });
    expect(Math.abs(sequence.gradient_norm - token.gradient_norm)).toBeGreaterThan(1e-3);
    expect(sequence.clip_fraction).toBe(0);
    const clipped = await lastStep('clipped', { ...sequences, ratio: 'sequence', clipLow: 1e-3, clipHigh: 1e-3 });
    expect(clipped.clip_fraction).toBeGreaterThan(0.1);
    // One update: old and new probabilities are the same, and so is everything else.
    const once = { ...sequences, epochs: 1 };
    const [first, same] = [await lastStep('once', once), await lastStep('same', { ...once, ratio: 'sequence' })];
    expect(same.gradient_norm).toBe(first.gradient_norm);
  });

  it('importance weights are 1 where sampler and trainer agree, and refused where they are not asked', async () => {
    const weighed = await lastStep('weighed', { importanceSampling: {}, oldLogProbabilities: 'recompute' });
    expect(weighed.importance_weight).toBeCloseTo(1, 3);
    await expect(lastStep('unweighed', { importanceSampling: {} })).rejects.toThrow(
      'so every weight would be 1. Set oldLogProbabilities to "recompute"',
    );
  });

  it('rollouts in int8 need old log-probabilities of the trainer', async () => {
    await expect(lastStep('rounded', { samplingPrecision: 'int8' })).rejects.toThrow(
      'samplingPrecision "int8" draws tokens with other probabilities than training has',
    );
  });

  it('an entropy bonus changes the loss by its share of the entropy', async () => {
    const once = { epochs: 1, klCoefficient: 0 };
    const [none, bonus] = [await lastStep('none', once), await lastStep('bonus', { ...once, entropyCoefficient: 0.5 })];
    // A token mean: every token counts the same, as in the mean entropy.
    expect(none.loss - bonus.loss).toBeCloseTo(0.5 * none.entropy, 4);
    expect(bonus.gradient_norm).not.toBe(none.gradient_norm);
  });

  it('weights of 0 for memory turns leave them to the KL term alone', async () => {
    const answers = { turnWeights: { memory: 0, answer: 1 }, aggregation: 'trajectory-mean' } as const;
    expect((await lastStep('answers', answers)).gradient_norm).toBeGreaterThan(0);
    expect((await lastStep('limits', { overlong: { filter: 'turn' }, aggregation: 'constant' })).rows).toBeLessThan(12);
  });
});
