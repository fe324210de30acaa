import { expect, it } from 'vitest';
import { METRICS } from '../reward/outcome.js';
import { inPresentNames, runConfigSchema, sftConfigSchema } from './config.js';
import { learningRateAt } from './learning-rate.js';

it('an empty configuration has every default of the method', () => {
  const config = runConfigSchema.parse({});
  expect(config).toMatchObject({
    method: 'tamtrl',
    teacher: 'self',
    reward: { combine: 'product', lengthNormalize: true, minmax: true, scope: 'batch', scale: 'mean-prob' },
    advantage: 'question-mean-std',
    clipLow: 0.2,
    clipHigh: 0.28,
    klCoefficient: 1e-3,
    groupSize: 8,
    questionsPerStep: 32,
    optimizer: { beta1: 0.9, beta2: 0.95 },
    memory: { questionTokens: 1024, chunkTokens: 5000, memoryTokens: 1024, empty: 'keep' },
  });
  expect(runConfigSchema.parse(JSON.parse(JSON.stringify(config)))).toEqual(config);
});

it('unknown keys are refused at every depth, and named', () => {
  for (const input of [{ groupsize: 8 }, { reward: { aplha: 1 } }, { data: { kind: 'mini', chunk: 3 } }]) {
    const result = runConfigSchema.safeParse(input);
    expect(result.success).toBe(false);
    expect(result.error?.issues[0].code).toBe('unrecognized_keys');
  }
  expect(sftConfigSchema.safeParse({ groupSize: 8 }).success).toBe(false);
});

it('metrics have one name, and those of earlier configurations are still understood', () => {
  const metricOf = (metric?: unknown) =>
    runConfigSchema.safeParse({ reward: { outcome: { metric } } }).data?.reward.outcome.metric;
  expect(METRICS.map(metricOf)).toEqual([...METRICS]);
  expect(['exact', 'sub-exact', 'ruler-part', 'ruler_all'].map(metricOf)).toEqual([
    'exact_match',
    'sub_exact_match',
    'string_match_part',
    'string_match_all',
  ]);
  expect(metricOf()).toBe('exact_match');
  expect(['exactmatch', 'constructor', 3].map(metricOf)).toEqual([undefined, undefined, undefined]);
  expect(
    inPresentNames({ seed: 1, reward: { alpha: 1, outcome: { metric: 'exact', normalization: 'squad' } } }),
  ).toEqual({
    seed: 1,
    reward: { alpha: 1, outcome: { metric: 'exact_match', normalization: 'squad' } },
  });
  expect(inPresentNames({ batchSize: 2 })).toEqual({ batchSize: 2 });
});

it('a configuration saved by an earlier version keeps its behaviour', () => {
  const saved = {
    seed: 3,
    data: { kind: 'mini', seed: 2 },
    advantage: 'mean',
    reward: { scope: 'turn', scale: 'logprob', outcome: { metric: 'exact_match' } },
  };
  expect(runConfigSchema.parse(inPresentNames(saved))).toMatchObject({
    data: { seed: 2, trainingSeed: 2 },
    advantage: 'mean',
    reward: { scope: 'turn', scale: 'logprob', scoreSpan: 'all', teacherReads: 'chunk' },
  });
  const today = runConfigSchema.parse({ seed: 3 });
  expect(inPresentNames(today)).toEqual(today);
  expect(sftConfigSchema.parse(inPresentNames({ data: { kind: 'mini', seed: 2 } })).data).toMatchObject({
    trainingSeed: 2,
  });
});

it('the learning rate rises, stays and falls', () => {
  const config = { learningRate: 1, warmupSteps: 4, steps: 10 };
  expect([1, 2, 4, 5, 10].map((step) => learningRateAt(step, config))).toEqual([0.25, 0.5, 1, 1, 1]);
  const cooling = { ...config, warmupSteps: 0, cooldownSteps: 2 };
  expect([1, 8, 9, 10].map((step) => learningRateAt(step, cooling))).toEqual([1, 1, 1, 0.5]);
});

it('the learning rate falls on a line or a cosine after the warm-up, to a share of it', () => {
  const config = { learningRate: 2, warmupSteps: 2, steps: 6 };
  const rates = (schedule: { kind: 'linear' | 'cosine'; least: number }) =>
    [1, 2, 3, 4, 5, 6].map((step) => learningRateAt(step, { ...config, learningRateSchedule: schedule }));
  // 2 x 1/2, 2, then 1, 3/4, 1/2, 1/4 of 2.
  expect(rates({ kind: 'linear', least: 0 })).toEqual([1, 2, 2, 1.5, 1, 0.5]);
  // From the third step on, these are the numbers of get_cosine_schedule_with_warmup in transformers 5, and those above
  // of get_linear_schedule_with_warmup. Its warm-up begins with a step at 0.
  // (1 + cos(pi / 4)) / 2 = 0.853553, (1 + cos(pi / 2)) / 2 = 0.5, (1 + cos(3 pi / 4)) / 2 = 0.146447.
  const cosine = rates({ kind: 'cosine', least: 0 });
  [1, 2, 2, 1.707107, 1, 0.292893].forEach((value, at) => void expect(cosine[at]).toBeCloseTo(value, 6));
  // 0.1 + 0.9 x 1/4 = 0.325 of 2.
  expect(rates({ kind: 'linear', least: 0.1 })[5]).toBeCloseTo(0.65, 12);
  // 2 (0.1 + 0.9 x 0.146447), as get_cosine_with_min_lr_schedule_with_warmup.
  expect(rates({ kind: 'cosine', least: 0.1 })[5]).toBeCloseTo(0.463604, 6);
});

it('supervised settings that make no sense together are refused', () => {
  const messages = (config: object) => sftConfigSchema.safeParse(config).error?.issues.map(({ message }) => message);
  expect(messages({ balanceChanges: true })).toEqual([expect.stringContaining('changingShare')]);
  expect(messages({ cooldownSteps: 5, learningRateSchedule: { kind: 'linear' } })).toEqual([
    expect.stringContaining('learningRateSchedule'),
  ]);
  expect(messages({ balanceChanges: true, changingShare: 0.5, cooldownSteps: 5 })).toBeUndefined();
});
