import { expect, it } from 'vitest';
import { METRICS } from '../reward/outcome.js';
import { inPresentNames, learningRateAt, runConfigSchema, sftConfigSchema } from './config.js';

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
