/** docs/data.md: every command runs, on files of the kind it speaks of; every importer and task is named. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runQuietly } from '../packages/tamtrl/src/cli/program.test-support.js';
import { syntheticTasks } from '../packages/tamtrl/src/data/generators/generators.js';
import { importers } from '../packages/tamtrl/src/data/importers/importers.js';
import { recordSchema } from '../packages/tamtrl/src/data/records.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const guide = readFileSync(join(root, 'docs/data.md'), 'utf8');
const fixtures = join(root, 'packages/tamtrl/fixtures');

it('runs every command', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'data-guide-'));
  copyFileSync(join(fixtures, 'data/hotpotqa.parquet'), join(folder, 'hotpotqa.parquet'));
  copyFileSync(join(fixtures, 'data/hotpotqa.parquet'), join(folder, 'hotpot_train_v1.1.json'));
  copyFileSync(join(fixtures, 'data/memagent.parquet'), join(folder, 'memagent.parquet'));
  copyFileSync(join(fixtures, 'records/2wikimultihopqa-sample.jsonl'), join(folder, 'dev.jsonl'));
  copyFileSync(join(fixtures, 'records/hotpotqa-sample.jsonl'), join(folder, 'train.jsonl'));
  const commands = [...guide.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block]) => block.trim().split('\n'));
  expect(commands.length).toBeGreaterThanOrEqual(6);
  const before = process.cwd();
  process.chdir(folder);
  try {
    for (const command of commands) {
      expect(command).toMatch(/^npx tamtrl data /);
      const args = command.replace('MODEL', join(fixtures, 'tokenizers/bpe')).split(' ').slice(2);
      const { code, err } = await runQuietly(args);
      expect(code, `${command}: ${err}`).toBe(0);
    }
  } finally {
    process.chdir(before);
  }
});

it('shows a record that is one, and names every importer and task', () => {
  const [, shown] = /^```json\n(.*?)^```$/ms.exec(guide)!;
  expect(recordSchema.safeParse(JSON.parse(shown)).success).toBe(true);
  for (const { name } of importers) expect(guide).toContain(`\`${name}\``);
  for (const { name } of syntheticTasks) {
    const family = name.replace(/_\d$/, '_');
    expect(guide, name).toContain(name === family ? `\`${name}\`` : `\`${family}`);
  }
});

const hasPython = spawnSync('python3', ['--version']).status === 0;

it.skipIf(!hasPython)('turns a table into records', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'data-guide-'));
  const table = '\ufeffquestion,answer,context\r\nWho left?,Anna,"Anna left.\nBen said ""no""."\r\n';
  writeFileSync(join(folder, 'questions.csv'), table);
  const [, script] = /^```python\n(.*?)^```$/ms.exec(guide)!;
  expect(spawnSync('python3', ['-c', script], { cwd: folder, encoding: 'utf8' })).toMatchObject({ status: 0 });
  const [line] = readFileSync(join(folder, 'records.jsonl'), 'utf8').trim().split('\n');
  expect(recordSchema.parse(JSON.parse(line))).toEqual({
    id: '1',
    source: '',
    question: 'Who left?',
    answers: ['Anna'],
    documents: [{ text: 'Anna left.\nBen said "no".' }],
  });
});
