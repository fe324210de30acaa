/** The YAML file of a comparison: mistakes are told with their places. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readCompareConfig } from '../run/comparison-plan.js';

const folder = await mkdtemp(join(tmpdir(), 'tamtrl-compare-'));

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

test('mistakes in the file are told with line and column', async () => {
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
