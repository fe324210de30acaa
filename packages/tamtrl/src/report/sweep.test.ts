/** The table and the figure of a sweep, with parts that fail. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { type CommandRunner, partCommands } from '../run/comparison-commands.js';
import { type CompareConfig, readCompareConfig } from '../run/comparison-config.js';
import { keepRefusals } from '../run/comparison-failures.js';
import { comparisonJobs, runJobs } from '../run/comparison-jobs.js';
import { markFolder } from '../run/comparison-mark.js';
import { checkSettings } from '../run/comparison-settings.js';
import { writeTables } from './comparison-page.js';
import { sweepFigure } from './sweep.js';

const root = await mkdtemp(join(tmpdir(), 'tamtrl-sweep-page-'));

afterAll(() => rm(root, { recursive: true, force: true }));

const TEXT = `
out: ${join(root, 'out')}
preset: mini-long
seeds: [1, 2, 3]
baseline: untrained
methods:
  - { name: untrained }
  - { name: t, train: tamtrl, sweep: { learningRate: [1e-5, 1e-4, 1e-3], reward.combine: [product, gated], reward.floor: [0.1] } }
benchmarks: [{ name: b, data: { kind: mini, chunks: 8, facts: 3 }, questions: 4 }]
`;

async function read(text = TEXT): Promise<CompareConfig> {
  const path = join(root, 's.yaml');
  await writeFile(path, text);
  return readCompareConfig(path);
}

/** Stands for the program: writes what an evaluation writes, and fails where it is told to. */
function program(fails: (args: readonly string[]) => string | undefined, ran: string[] = []): CommandRunner {
  return async (args) => {
    const folder = args[args.indexOf('--out') + 1];
    ran.push(folder.slice(root.length + 5));
    const reason = fails(args);
    if (reason !== undefined) return { reason };
    if (args[0] === 'eval') {
      await mkdir(folder, { recursive: true });
      const right = folder.includes('untrained') ? 0 : 1;
      const results = Array.from({ length: 4 }, (_, at) => {
        const scores = { exact_match: at === 0 ? right : 0, f1: 0, sub_exact_match: 0, ruler_part: 0, ruler_all: 0 };
        const tokens = { prompt_tokens: 4, sampled_tokens: 1, memory_tokens: 6, last_memory_tokens: 6 };
        const rest = { output: '', answer: '', length: 9, turns: 9, overflow_rate: 0, seconds: 0.05 };
        return JSON.stringify({ id: `q${at}`, ...scores, ...tokens, ...rest });
      });
      await writeFile(join(folder, 'results.jsonl'), `${results.join('\n')}\n`);
      await writeFile(join(folder, 'summary.json'), '{}');
    } else {
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'metrics.jsonl'), '');
    }
    return { out: '{"steps":1}' };
  };
}

async function compare(config: CompareConfig, command: CommandRunner, keepFailed = false) {
  const leave = await checkSettings(config);
  await mkdir(config.out, { recursive: true });
  await markFolder(config.out, config.folders);
  await keepRefusals(config, leave);
  const jobs = await comparisonJobs(config, partCommands(config, undefined, command), { leave, keepFailed });
  await runJobs(jobs, { workers: 2, signal: new AbortController().signal });
  return writeTables(config);
}

const rows = async (file: string) => (await readFile(join(root, 'out', file), 'utf8')).trim().split('\r\n');

it('a run that fails is a row with its reason, and the others go on', async () => {
  const config = await read();
  const ran: string[] = [];
  const first = await compare(
    config,
    program(
      (args) => (args[0] === 'train' && String(args).includes('0.001-combine=product') ? 'the loss is NaN' : undefined),
      ran,
    ),
  );
  expect(first.complete).toBe(false);
  expect(ran.filter((name) => name.startsWith('training'))).toHaveLength(9);
  expect(await rows('sweep.csv')).toEqual([
    'method,learningRate,reward.combine,reward.floor,seeds,b,b: against untrained,failed because',
    'untrained,,,,not trained,0.0 (0.0 to 49.0; records only),,',
    expect.stringMatching(/^t,0\.00001,product,0\.1,3,25\.0 \(.*\),\+25\.0 \(.*\),$/),
    't,0.00001,gated,0.1,failed,failed,,"reward.floor belongs to reward.combine ""product"", but it is ""gated"". Leave the floor out."',
    expect.stringMatching(/^t,0\.0001,product,0\.1,3,25\.0 /),
    expect.stringMatching(/^t,0\.0001,gated,0\.1,failed,failed,,/),
    't,0.001,product,0.1,failed,failed,,the loss is NaN',
    expect.stringMatching(/^t,0\.001,gated,0\.1,failed,failed,,/),
  ]);
  const page = await readFile(join(root, 'out/comparison.md'), 'utf8');
  expect(page).toContain('## Sweep');
  expect(page).toContain(
    't learningRate=0.001 combine=product floor=0.1 with seeds 1, 2, 3: training failed: the loss is NaN',
  );
  expect(page).toContain('| t learningRate=0.001 combine=product floor=0.1 | failed | failed [3] | failed [3] |');
  expect(first.summary).toMatchObject({
    sweep: { 't learningRate=0.001 combine=product floor=0.1': { method: 't', settings: { learningRate: 0.001 } } },
  });
  expect((first.summary as { failures: object[] }).failures).toContainEqual({
    method: 't learningRate=0.001 combine=product floor=0.1',
    seed: 2,
    reason: 'the loss is NaN',
  });

  // What failed is left alone if asked for, and otherwise run again; what is new in the sweep runs.
  const wider = await read(TEXT.replace('[1e-5,', '[1e-6, 1e-5,'));
  ran.length = 0;
  await compare(
    wider,
    program(() => undefined, ran),
    true,
  );
  expect(ran.sort()).toEqual(
    [1, 2, 3]
      .flatMap((seed) => [
        `evaluation/t-learningrate=0.000001-combine=product-floor=0.1-${seed}-b`,
        `training/t-learningrate=0.000001-combine=product-floor=0.1-${seed}`,
      ])
      .sort(),
  );
  ran.length = 0;
  await compare(
    wider,
    program(() => undefined, ran),
  );
  expect(ran).toHaveLength(6);
  expect((await rows('sweep.csv'))[8]).toMatch(/^t,0\.001,product,0\.1,3,25\.0 /);
  expect(await readFile(join(root, 'out/comparison.md'), 'utf8')).not.toContain('NaN');

  // A combination that is sensible now, and an evaluation that fails.
  const sensible = await read(TEXT.replace(', reward.floor: [0.1]', ''));
  const { summary } = await compare(
    sensible,
    program((args) => (args[0] === 'eval' && String(args).includes('gated-2') ? 'no space left' : undefined)),
  );
  const failures = (summary as { failures: object[] }).failures;
  expect(failures).toHaveLength(3);
  expect(failures[0]).toEqual({
    method: 't learningRate=0.00001 combine=gated',
    seed: 2,
    benchmark: 'b',
    reason: 'no space left',
  });
  expect((await rows('sweep.csv'))[3]).toMatch(/^t,0\.00001,gated,2,25\.0 \(.*\),.*,no space left$/);
});

it('the figure shows scores by the first setting with numbers, and breaks where a run failed', async () => {
  const config = await read();
  const comparison = {
    methods: config.methods.map(({ name }) => name),
    benchmarks: ['b'],
    training: [],
    cells: config.methods
      .filter(({ name }) => !name.includes('0.0001 combine=gated'))
      .flatMap(({ name }, at) =>
        [1, 2, 3].map((seed) => ({
          method: name,
          seed,
          benchmark: 'b',
          seconds: 1,
          tokens: 1,
          memoryTokens: 1,
          scores: new Map([
            ['q0', 1],
            ['q1', (at + seed) % 2],
          ]),
        })),
      ),
  };
  const svg = sweepFigure(config, comparison)!;
  const texts = (kind: string) =>
    [...svg.matchAll(new RegExp(`class="${kind}"[^>]*>([^<]+)<`, 'g'))].map(([, text]) => text);
  expect(texts('x-tick')).toEqual(['0.00001', '0.0001', '0.001']);
  expect(texts('legend')).toEqual(['untrained', 't combine=product floor=0.1', 't combine=gated floor=0.1']);
  expect(svg).toContain('learningRate (logarithmic)');
  const xs = [...svg.matchAll(/class="x-tick" x="([^"]+)"/g)].map(([, x]) => Number(x));
  expect(xs[1] - xs[0]).toBeCloseTo(xs[2] - xs[1], 1);
  // The baseline and one combination have lines; the other has two lone points around its gap.
  expect(svg.match(/class="line" d="M[^"L]+L[^"]+"/g)).toHaveLength(2);
  expect(svg).not.toMatch(/NaN|Infinity/);
  expect(sweepFigure(config, { ...comparison, cells: [] })).toBeUndefined();
});
