/** `tamtrl train --reward examples/my-reward.ts`, as users run it. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runnable, spawned } from './executable.test-support.js';

const example = fileURLToPath(new URL('../../../../examples/my-reward.ts', import.meta.url));

it('the example, which is TypeScript, trains', async () => {
  const { folder, config } = await runnable();
  try {
    const { code, err } = await spawned(folder, ['train', '--config', config, '--reward', example, '--out', 'example']);
    expect(err).toContain('method words-kept');
    expect(code).toBe(0);
    const lines = (await readFile(join(folder, 'example/metrics.jsonl'), 'utf8')).trim().split('\n');
    const done = lines.map((line) => JSON.parse(line)).filter(({ kind }) => kind === 'step');
    expect(done).toHaveLength(2);
    for (const { turn_score, gradient_norm } of done) {
      expect(turn_score).toBeGreaterThan(0);
      expect(turn_score).toBeLessThan(1);
      expect(gradient_norm).toBeGreaterThan(0);
    }
    const saved = JSON.parse(await readFile(join(folder, 'example/config.json'), 'utf8'));
    expect(saved).toMatchObject({ method: 'words-kept', reward: { module: example } });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
