/** Sweeps in the file of a comparison: what they expand to, and what is refused. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type CompareConfig, readCompareConfig } from './comparison-config.js';
import { plannedText } from './comparison-jobs.js';
import { comparisonRuns } from './comparison-plan.js';
import { checkSettings, trainingConfig } from './comparison-settings.js';

const root = await mkdtemp(join(tmpdir(), 'tamtrl-sweep-'));

afterAll(() => rm(root, { recursive: true, force: true }));

async function read(methods: string, shared = ''): Promise<CompareConfig> {
  const path = join(root, 's.yaml');
  const text = `out: ${join(root, 'out')}
preset: mini-long
seeds: [1, 2]
baseline: untrained
benchmarks: [{ name: b, data: { kind: mini, chunks: 8, facts: 3 } }]
${shared}
methods:
  - { name: untrained }
${methods}
`;
  await writeFile(path, text);
  return readCompareConfig(path);
}

const names = ({ methods }: CompareConfig) => methods.map(({ name }) => name);

async function refusal(methods: string, shared = ''): Promise<string> {
  return read(methods, shared)
    .then(checkSettings)
    .then(
      (left) => [...left].map(([name, reason]) => `${name} left out: ${reason}`).join('\n'),
      (error: Error) => error.message.replaceAll(`${root}/`, ''),
    );
}

describe('a sweep', () => {
  it('makes a method of each combination, named after what differs', async () => {
    const config = await read(
      `  - { name: t, train: tamtrl, sweep: { reward: { alpha: [-0.5, 0.5], combine: [gated] }, groupSize: [4] } }`,
      'train: { steps: 2, reward: { minmax: false } }',
    );
    expect(names(config)).toEqual([
      'untrained',
      't alpha=-0.5 combine=gated groupSize=4',
      't alpha=0.5 combine=gated groupSize=4',
    ]);
    expect(await trainingConfig(config, config.methods[2], 1)).toMatchObject({
      steps: 2,
      groupSize: 4,
      reward: { alpha: 0.5, combine: 'gated', minmax: false },
    });
    expect(comparisonRuns(config).map(({ training }) => training?.slice(root.length))).toEqual([
      undefined,
      '/out/training/t-alpha=-0.5-combine=gated-groupsize=4-1',
      '/out/training/t-alpha=0.5-combine=gated-groupsize=4-1',
      '/out/training/t-alpha=-0.5-combine=gated-groupsize=4-2',
      '/out/training/t-alpha=0.5-combine=gated-groupsize=4-2',
    ]);
    expect(plannedText(config, new Map())).toBe('4 trainings (2 methods x 2 seeds) and 5 evaluations');
  });

  it('that is shared holds for every trained method that does not say otherwise', async () => {
    const config = await read(
      `  - { name: m, train: memagent }
  - { name: fixed, train: tamtrl, settings: { learningRate: 0.1 } }
  - { name: own, train: tamtrl, sweep: { learningRate: [3] } }`,
      'sweep: { learningRate: [1e-5, 2.0] }',
    );
    expect(names(config)).toEqual([
      'untrained',
      'm learningRate=0.00001',
      'm learningRate=2',
      'fixed',
      'own learningRate=3',
    ]);
  });

  it('varies methods, settings together, and settings by their path', async () => {
    const config = await read(
      `  - { name: t, train: tamtrl, sweep: { method: [memagent, tamtrl-gated] } }
  - { name: u, train: tamtrl, sweep: { reward: [{ combine: gated, alpha: 2 }, { combine: product }] } }
  - { name: v, train: tamtrl, sweep: { evaluation.every: [3], dynamicSampling.maxRounds: [1] } }`,
    );
    expect(config.methods.map(({ name, train }) => `${name}: ${train}`)).toEqual([
      'untrained: undefined',
      't method=memagent: memagent',
      't method=tamtrl-gated: tamtrl-gated',
      'u reward={"combine":"gated","alpha":2}: tamtrl',
      'u reward={"combine":"product"}: tamtrl',
      'v every=3 maxRounds=1: tamtrl',
    ]);
    const training = await trainingConfig(config, config.methods[3], 1);
    expect(training.reward).toMatchObject({ combine: 'gated', alpha: 2 });
    expect((await trainingConfig(config, config.methods[2], 1)).reward.combine).toBe('gated');
  });

  it('names a setting by its whole path where another one ends alike', async () => {
    const config = await read(
      '  - { name: t, train: tamtrl, sweep: { evaluation: { temperature: [0.5] }, temperature: [1] } }',
    );
    expect(names(config)[1]).toBe('t evaluation.temperature=0.5 temperature=1');
  });

  it('is refused with line and column where it makes no sense', async () => {
    const own = (sweep: string, more = '') => `  - { name: t, train: tamtrl, ${more}sweep: ${sweep} }`;
    expect(await refusal(own('{ steps: 5 }'))).toBe(
      's.yaml:9:47: expected a list of values of steps in a sweep, found 5.',
    );
    expect(await refusal(own('{ steps: [] }'))).toBe(
      's.yaml:9:47: expected at least one value of steps, found an empty list.',
    );
    expect(await refusal(own('{ steps: [5, 6, 5.0] }'))).toBe('s.yaml:9:54: the value 5 of steps comes twice.');
    expect(await refusal(own('{ seed: [1, 2] }'))).toBe(
      's.yaml:9:46: seed cannot be swept: list the seeds in "seeds".',
    );
    expect(await refusal(own('{ reward: [{ alpha: 2 }], reward.alpha: [1] }'))).toMatch(
      /^s\.yaml:9:\d+: reward\.alpha and reward cannot both be swept: one contains the other\.$/,
    );
    expect(await refusal(own('{ reward: { alpha: [1] } }', 'settings: { reward: { alpha: 1 } }, '))).toMatch(
      /^s\.yaml:9:\d+: "t" both sets and sweeps reward\.alpha\. Remove one of them\.$/,
    );
    expect(await refusal('  - { name: t, sweep: { steps: [1] } }')).toBe(
      's.yaml:9:16: "t" is not trained, and only settings of trainings can be swept.',
    );
    expect(await refusal('  - { name: t }', 'sweep: { steps: [1] }')).toBe(
      's.yaml:6:1: no method is trained, so there is nothing to sweep.',
    );
    expect(await refusal(own('{ method: [tamtlr] }'))).toBe(
      's.yaml:9:49: there is no method "tamtlr" to train. Did you mean "tamtrl"?',
    );
    const wide = `{ steps: [${Array.from({ length: 30 }, (_, at) => at + 1)}], groupSize: [${Array.from({ length: 40 }, (_, at) => at + 2)}] }`;
    expect(await refusal(own(wide))).toMatch(
      /^s\.yaml:9:\d+: the sweeps make 2,400 trainings \("t" alone 30 x 40 combinations with 2 seeds\), and a comparison has at most 1,000\. Sweep fewer values, or in several files\.$/,
    );
    const huge = `{ ${Array.from({ length: 40 }, (_, at) => `a${at}: [${Array.from({ length: 40 }, (_, value) => value)}]`).join(', ')} }`;
    expect(await refusal(own(huge))).toContain('and a comparison has at most 1,000.');
  });

  it('cannot be the baseline as a whole, but its combinations can, and it can be an ablation', async () => {
    const method = '  - { name: t, train: tamtrl, sweep: { reward.alpha: [1, 2] } }';
    const text = (baseline: string) =>
      [method, `ablations: { of: t alpha=1, variants: [t] }\nbaseline: ${baseline}`] as const;
    const config = async (baseline: string) => {
      const path = join(root, 'b.yaml');
      const [methods, rest] = text(baseline);
      await writeFile(
        path,
        `${rest}\nseeds: [1]\nbenchmarks: [{ name: b, data: { kind: mini, chunks: 8, facts: 3 } }]\nmethods:\n${methods}\n`,
      );
      return readCompareConfig(path);
    };
    await expect(config('t')).rejects.toThrow(
      /b\.yaml:2:11: "t" is swept, so name one of its combinations, such as "t alpha=1"\.$/,
    );
    expect(await config('t alpha=1')).toMatchObject({
      baseline: 't alpha=1',
      ablations: { of: 't alpha=1', variants: ['t alpha=1', 't alpha=2'] },
    });
  });

  it('changes settings that the name of the method stands for, which are above the shared ones', async () => {
    const config = await read(
      `  - { name: r, train: rememr1, sweep: { reward.alpha: [0.1, 0.5] } }
  - { name: plain, train: rememr1 }
  - { name: s, train: sdpo, settings: { reward: { opsdl: { outcomeWeight: 0.2 } } } }`,
      'train: { reward: { alpha: 2 }, advantage: mean }',
    );
    const found = await Promise.all(config.methods.slice(1).map((method) => trainingConfig(config, method, 1)));
    expect(found.map(({ method, advantage, reward }) => [method, advantage, reward.combine, reward.alpha])).toEqual([
      ['rememr1', 'mean-std', 'advantages', 0.1],
      ['rememr1', 'mean-std', 'advantages', 0.5],
      ['rememr1', 'mean-std', 'advantages', 0.2],
      ['opsdl', 'mean', 'product', 2],
    ]);
    expect(found[3].reward.opsdl).toEqual({ outcomeWeight: 0.2 });
  });

  it('leaves out combinations that make no sense, unless none does', async () => {
    const sweep = (text: string) => `  - { name: t, train: tamtrl, sweep: { ${text} } }`;
    expect(await refusal(sweep('reward.combine: [product, gated], reward.floor: [0.1]'))).toBe(
      't combine=gated floor=0.1 left out: reward.floor belongs to reward.combine "product", but it is "gated". Leave the floor out.',
    );
    expect(await refusal(sweep('reward.combine: [gated, prodct]'))).toBe(
      's.yaml:9:64: reward.combine: there is no "prodct". Did you mean "product"?',
    );
    expect(await refusal(sweep('reward.alhpa: [1, 2]'))).toBe(
      's.yaml:9:40: unknown setting "alhpa" in reward. Did you mean "alpha"?',
    );
    expect(await refusal(sweep('reward.combine: [gated], reward.floor: [0.1, 0.2]'))).toMatch(
      /^s\.yaml:9:5: reward\.floor belongs to reward\.combine "product", but it is "gated"\./,
    );
    expect(await refusal('  - { name: t, train: memagent, settings: { reward: { combine: score } } }')).toMatch(
      /^s\.yaml:9:5: reward\.combine "score" gives memory turns their scores alone, but the method memagent has none/,
    );
  });
});
