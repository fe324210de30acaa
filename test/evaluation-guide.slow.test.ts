/**
 * docs/evaluation.md: its commands run one after another in one folder, with its YAML file; every reader and score is
 * named.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { READERS } from '../packages/tamtrl/src/eval/readers.js';
import { METRICS } from '../packages/tamtrl/src/reward/outcome.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const guide = readFileSync(join(root, 'docs/evaluation.md'), 'utf8');

it('runs every command', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'evaluation-guide-'));
  writeFileSync(join(folder, 'compare.yaml'), /^```yaml\n(.*?)^```$/ms.exec(guide)![1]);
  const commands = [...guide.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block]) => block.trim().split('\n'));
  expect(commands).toHaveLength(5);
  for (const command of commands) {
    const [npx, name, ...args] = command.split(' ');
    expect([npx, name]).toEqual(['npx', 'tamtrl']);
    await promisify(execFile)(process.execPath, [join(root, 'packages/tamtrl/dist/cli/main.js'), ...args], {
      cwd: folder,
    });
  }
  const page = readFileSync(join(folder, 'runs/small/comparison.md'), 'utf8');
  expect(page).toContain('## Ablations');
  expect(page).not.toContain('| not run');
});

it('names every reader and every score', () => {
  for (const name of [...READERS, ...METRICS]) expect(guide).toContain(`| \`${name}\``);
});
