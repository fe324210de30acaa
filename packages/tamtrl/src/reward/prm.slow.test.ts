/** The method prm from the command line, at its real size. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runQuietly } from '../cli/program.test-support.js';

it('the process reward model classifies most memories of the mini task correctly, and its scores enter the rewards', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tamtrl-prm-'));
  try {
    const method = ['--preset', 'mini', '--method', 'process-reward', '--steps', '1'];
    const { code, err } = await runQuietly(['train', ...method, '--out', join(folder, 'run')]);
    expect(code, err).toBe(0);
    const [, accuracy, majority] = /classifies (\d+\.\d)% of .* label would get (\d+\.\d)%/.exec(err) ?? [];
    expect(Number(accuracy)).toBeGreaterThan(90);
    expect(Number(majority)).toBeLessThan(85);
    const lines = (await readFile(join(folder, 'run/metrics.jsonl'), 'utf8')).trimEnd().split('\n');
    const step = lines.map((line) => JSON.parse(line)).find(({ kind }) => kind === 'step');
    expect(step.method.process_reward).toBeGreaterThan(0.1);
    expect(step.method.process_reward).toBeLessThan(0.9);
    expect(step.turn_score).toBeGreaterThan(0);
  } finally {
    await rm(folder, { recursive: true });
  }
});
