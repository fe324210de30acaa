/** The YAML file of a comparison, and the plan that it makes. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { SMALL_COMPARISON } from './comparison.test-support.js';
import { readCompareConfig } from './comparison-config.js';
import { comparisonRuns, isEvaluated, isTrained } from './comparison-plan.js';
import { checkSettings } from './comparison-settings.js';
import { RunFolder } from './folder.js';

const folder = await mkdtemp(join(tmpdir(), 'tamtrl-compare-'));

afterAll(() => rm(folder, { recursive: true }));

it('names line and column of every mistake in the file', async () => {
  const refusal = async (text: string) => {
    const path = join(folder, 'wrong.yaml');
    await writeFile(path, text);
    return readCompareConfig(path).then(
      () => '',
      (error: Error) => error.message.replaceAll(path, 'wrong.yaml'),
    );
  };
  expect(await refusal(SMALL_COMPARISON.replace('seeds:', 'seads:'))).toContain(
    'wrong.yaml:4:1: unknown setting "seads". Did you mean "seeds"?',
  );
  expect(await refusal(SMALL_COMPARISON.replace('reader: bm25', 'raeder: bm25'))).toContain(
    'wrong.yaml:9:19: unknown setting "raeder". Did you mean "reader"?',
  );
  expect(await refusal(SMALL_COMPARISON.replace('baseline: untrained', 'baseline: memagent'))).toContain(
    'wrong.yaml:5:11: there is no method "memagent" in this file.',
  );
  expect(await refusal(SMALL_COMPARISON.replace('train: tamtrl }', 'train: tamtlr }'))).toContain(
    'there is no method "tamtlr" to train. Did you mean "tamtrl"?',
  );
  expect(await refusal(SMALL_COMPARISON.replace('name: bm25', 'name: untrained'))).toContain(
    'the name "untrained" comes twice.',
  );
});

it('a benchmark is scored by the metrics of its records, or by a metric under any of its past names', async () => {
  const path = join(folder, 'metric.yaml');
  const metricIn = async (setting: string) => {
    await writeFile(path, SMALL_COMPARISON.replace('questions: 20', `questions: 20${setting}`));
    return (await readCompareConfig(path)).benchmarks[0].metric;
  };
  expect(await metricIn('')).toBeUndefined();
  expect(await metricIn(', metric: ruler_all')).toBe('string_match_all');
  expect(await metricIn(', metric: f1')).toBe('f1');
  await expect(metricIn(', metric: ruler')).rejects.toThrow(/metric\.yaml:12:\d+: benchmarks\.0\.metric: /);
});

it('records that lack what a metric needs are found before anything is trained', async () => {
  const data = join(folder, 'records.jsonl');
  const record = { id: 'q1', question: 'Who?', answers: ['Ada'], documents: [{ text: 'Ada.' }] };
  await writeFile(data, `${JSON.stringify(record)}\n`);
  const path = join(folder, 'lacking.yaml');
  const text = SMALL_COMPARISON.replace(/data: \{.*?\}, questions: 20/, `data: ${data}, metric: babilong`);
  await writeFile(path, text);
  await expect(checkSettings(await readCompareConfig(path))).rejects.toThrow(
    /lacking\.yaml:12:\d+: record "q1" of .* cannot be scored by babilong, which needs the task .* Leave metric out/,
  );
  await writeFile(path, text.replace('babilong', 'f1'));
  await checkSettings(await readCompareConfig(path));
});

it('plans a run for each method and seed, seed by seed, with its folders', async () => {
  const path = join(folder, 'right.yaml');
  const out = join(folder, 'cmp');
  await writeFile(path, SMALL_COMPARISON.replace('out: cmp', `out: ${out}`));
  const runs = comparisonRuns(await readCompareConfig(path));
  // Methods that are not trained have one seed.
  expect(runs.map(({ method, seed }) => `${method.name} ${seed}`)).toEqual([
    'untrained 1',
    'bm25 1',
    'tamtrl 1',
    'tamtrl 2',
  ]);
  expect(runs[0]).toMatchObject({ training: undefined, model: 'mini' });
  expect(runs[3]).toMatchObject({
    training: join(out, 'training/tamtrl-2'),
    model: join(out, 'training/tamtrl-2/checkpoints/final'),
    cells: [{ folder: join(out, 'evaluation/tamtrl-2-8-chunks'), data: join(out, 'data/8-chunks.jsonl') }],
  });
});

it('recognises finished parts by the files that are written last', async () => {
  const path = join(folder, 'right.yaml');
  const [untrained, , trained] = comparisonRuns(await readCompareConfig(path));
  const [cell] = trained.cells;
  expect([await isTrained(untrained), await isTrained(trained), await isEvaluated(cell)]).toEqual([true, false, false]);
  await mkdir(trained.training!, { recursive: true });
  await writeFile(new RunFolder(trained.training!).file('finished'), '{}');
  await mkdir(cell.folder, { recursive: true });
  await writeFile(join(cell.folder, 'results.jsonl'), '');
  expect([await isTrained(trained), await isEvaluated(cell)]).toEqual([true, false]);
  await writeFile(join(cell.folder, 'summary.json'), '{}');
  expect(await isEvaluated(cell)).toBe(true);
});
