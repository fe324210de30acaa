/** The YAML file of a comparison, and the plan that it makes. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readCompareConfig } from './comparison-config.js';
import { comparisonRuns, isEvaluated, isTrained } from './comparison-plan.js';
import { RunFolder } from './folder.js';

const folder = await mkdtemp(join(tmpdir(), 'tamtrl-compare-'));

afterAll(() => rm(folder, { recursive: true }));

const FILE = `
out: cmp
preset: mini-long
seeds: [1, 2]
baseline: untrained
train: { steps: 1, questionsPerStep: 2, groupSize: 2, evaluation: { every: 0, questions: 4 }, savedTrajectories: 0 }
methods:
  - { name: untrained }
  - { name: bm25, reader: bm25 }
  - { name: tamtrl, train: tamtrl }
benchmarks:
  - { name: 8 chunks, data: { kind: mini, chunks: 8, facts: 3 }, questions: 20, chunkTokens: 6 }
`;

it('names line and column of every mistake in the file', async () => {
  const refusal = async (text: string) => {
    const path = join(folder, 'wrong.yaml');
    await writeFile(path, text);
    return readCompareConfig(path).then(
      () => '',
      (error: Error) => error.message.replaceAll(path, 'wrong.yaml'),
    );
  };
  expect(await refusal(FILE.replace('seeds:', 'seads:'))).toContain(
    'wrong.yaml:4:1: unknown setting "seads". Did you mean "seeds"?',
  );
  expect(await refusal(FILE.replace('reader: bm25', 'raeder: bm25'))).toContain(
    'wrong.yaml:9:19: unknown setting "raeder". Did you mean "reader"?',
  );
  expect(await refusal(FILE.replace('baseline: untrained', 'baseline: memagent'))).toContain(
    'wrong.yaml:5:11: there is no method "memagent" in this file.',
  );
  expect(await refusal(FILE.replace('train: tamtrl }', 'train: tamtlr }'))).toContain(
    'there is no method "tamtlr" to train. Did you mean "tamtrl"?',
  );
  expect(await refusal(FILE.replace('name: bm25', 'name: untrained'))).toContain('the name "untrained" comes twice.');
});

it('plans a run for each method and seed, seed by seed, with its folders', async () => {
  const path = join(folder, 'right.yaml');
  const out = join(folder, 'cmp');
  await writeFile(path, FILE.replace('out: cmp', `out: ${out}`));
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

it('tells finished parts by the files that are written last', async () => {
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
