/** The example that trains, run as a user would run it. Needs a build. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);

it('examples/copy.mjs learns: the loss falls, and the copy of an unseen string is right', async () => {
  const { stdout } = await run(process.execPath, ['examples/copy.mjs'], { cwd: root });
  const losses = [...stdout.matchAll(/^step \d+, loss (\d+\.\d+)$/gm)].map(([, loss]) => Number(loss));
  expect(losses.length).toBeGreaterThan(5);
  // Nothing known of 27 tokens costs log 27 = 3.3 nats.
  expect(losses[0]).toBeGreaterThan(3);
  expect(losses.at(-1)).toBeLessThan(0.05);
  expect(stdout.trimEnd().split('\n').at(-1)).toBe('tamtrl -> tamtrl (stop)');
});
