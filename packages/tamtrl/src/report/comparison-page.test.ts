/** The page of a whole comparison, eight methods with five seeds, from a folder as its parts leave it. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { SeededRandom } from '../base/random.js';
import { type CompareConfig, readCompareConfig } from '../run/comparison-config.js';
import { comparisonRuns } from '../run/comparison-plan.js';
import { RunFolder } from '../run/folder.js';
import { writeTables } from './comparison-page.js';

const example = fileURLToPath(new URL('../../../../examples/compare-methods.yaml', import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'tamtrl-page-'));

afterAll(() => rm(folder, { recursive: true }));

async function write(path: string, lines: readonly object[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

/** Writes what the parts of a comparison write, with made-up scores. */
async function fill(
  config: CompareConfig,
  { evaluated, own = {} }: { evaluated: readonly number[]; own?: object },
): Promise<void> {
  const random = new SeededRandom('page');
  for (const { method, seed, training, cells } of comparisonRuns(config)) {
    const accuracy = (training === undefined ? 0.05 : 0.4) + 0.05 * random.next();
    for (const cell of cells) {
      const results = Array.from({ length: 40 }, (_, at) => {
        const right = Number(random.next() < accuracy);
        const scores = { exact_match: right, f1: right, sub_exact_match: right, ruler_part: right, ruler_all: right };
        const tokens = { prompt_tokens: 400, sampled_tokens: 100, memory_tokens: 6, last_memory_tokens: 6 };
        const rest = { output: '', answer: '', length: 100, turns: 9, overflow_rate: 0, seconds: 0.05 };
        return { id: `q${at}`, ...scores, ...tokens, ...rest, ...own };
      });
      await write(join(cell.folder, 'results.jsonl'), results);
      await write(join(cell.folder, 'summary.json'), [{}]);
    }
    if (training === undefined) continue;
    const each = method.name === 'memagent' ? 1000 : 1500;
    const metrics = Array.from({ length: 31 }, (_, step) => {
      const tokens = { prompt: each, sampled: each, scored: each, trained: each };
      const line = { kind: 'step', step, tokens, seconds: { rollout: 3, train: each / 500 }, memory_tokens: 6 };
      const exact_match = Math.round(256 * accuracy * (step / 30)) / 256;
      const evaluation = { kind: 'evaluation', step, exact_match, questions: 256 };
      return [...(step > 0 ? [line] : []), ...(evaluated.includes(step) ? [evaluation] : [])];
    });
    const run = new RunFolder(training);
    await write(run.file('metrics'), metrics.flat());
    await write(run.file('finished'), [{ seed }]);
  }
}

describe('the page of examples/compare-methods.yaml', () => {
  it('has scores, tests, equal budgets, curves and cost', async () => {
    const config = { ...(await readCompareConfig(example)), out: join(folder, 'whole') };
    expect(config.methods.filter(({ train }) => train !== undefined)).toHaveLength(10);
    expect(config.seeds).toHaveLength(5);
    await fill(config, { evaluated: [0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30] });
    const { complete, summary } = await writeTables(config);
    expect(complete).toBe(true);
    const page = await readFile(join(config.out, 'comparison.md'), 'utf8');
    expect(page.match(/^## .*/gm)).toEqual([
      '## Results',
      '## Ablations',
      '## Equal steps, tokens and time',
      '## Learning curves',
      '## Cost',
    ]);
    expect(page).toMatch(
      /^\| tamtrl \| 5 \| \d+\.\d \(\d+\.\d to \d+\.\d\) \| [+-]\d+\.\d \(.* to .*; p = [\d.]+\) \|$/m,
    );
    expect(page).toMatch(/^\| untrained \| not trained \| \d+\.\d \(\d+\.\d to \d+\.\d; records only\) \| /m);
    expect(page).toContain('| method | seeds | 30 steps | 30 steps: against memagent | 120 kT |');
    // 20 of the others' steps take memagent's 120,000 tokens, 25 of them its 150 seconds.
    expect(page).toMatch(/^\| tamtrl \| 5 \| .*, step 30 \| .*, ≈ step 20\.0 \| .*, ≈ step 25\.0 \| /m);
    expect(page).toContain('| step | tamtrl, 5 seeds | memagent, 5 seeds |');
    expect(page).not.toMatch(/NaN|undefined|evaluation\.every/);
    expect(JSON.parse(JSON.stringify(summary))).toMatchObject({
      against: 'memagent',
      equal_budgets: { step: 30, tokens: 120_000, seconds: 150, problems: [] },
    });
    const files = ['ablations', 'budgets', 'comparison', 'cost', 'learning-curves', 'results'];
    expect((await readdir(config.out)).filter((name) => name.endsWith('.md')).sort()).toEqual(
      files.map((name) => `${name}.md`),
    );
    expect(await readFile(join(config.out, 'learning-curves.svg'), 'utf8')).toContain('memagent (5 seeds)');
  });

  it('scores records by the metric that they name, unless the benchmark names another', async () => {
    const config = { ...(await readCompareConfig(example)), out: join(folder, 'metrics') };
    config.methods = config.methods.filter(({ train }) => train === undefined);
    const [first] = config.benchmarks;
    config.benchmarks = [first, { ...first, name: 'by exact match', metric: 'exact_match' }];
    config.baseline = config.methods[0].name;
    delete config.ablations;
    await fill(config, { evaluated: [], own: { metric: 'hotpotqa_f1', hotpotqa_f1: 0.25, exact_match: 0 } });
    const { summary } = await writeTables(config);
    const page = await readFile(join(config.out, 'comparison.md'), 'utf8');
    expect(page).toContain(`${first.name}: hotpotqa_f1, ${first.questions} records; by exact match: exact_match, `);
    expect(page).toMatch(/^\| untrained \| not trained \| 25\.0 \(.*?\) \|.*?\| 0\.0 \(/m);
    expect(summary).toMatchObject({ metrics: { [first.name]: ['hotpotqa_f1'], 'by exact match': ['exact_match'] } });
  });

  it('names the setting that equal tokens want, if runs were only evaluated at their end', async () => {
    const config = { ...(await readCompareConfig(example)), out: join(folder, 'ends') };
    await fill(config, { evaluated: [0, 30] });
    await writeTables(config);
    const page = await readFile(join(config.out, 'comparison.md'), 'utf8');
    expect(page).toMatch(/^\| tamtrl \| 5 \| .*, step 30 \| .*, ≈ step 20\.0 \| .*, ≈ step 25\.0 \|/m);
    expect(page).toMatch(
      /^- .*tamtrl.*: the score at equal tokens lies on the line from the untrained model .*every: 20, /m,
    );
  });
});
