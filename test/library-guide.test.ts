/** docs/library.md names every event. `library-guide.slow.test.ts` runs its programs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const guide = readFileSync(join(root, 'docs/library.md'), 'utf8');

it('names every event', () => {
  const source = ['run/open.ts', 'train/loop.ts'].map((name) =>
    readFileSync(join(root, 'packages/tamtrl/src', name), 'utf8'),
  );
  const types = source.flatMap((text) => [...text.matchAll(/^ {2}\| \{ type: '(\w+)'/gm)].map(([, type]) => type));
  expect(types.length).toBeGreaterThanOrEqual(9);
  for (const type of types) expect(guide).toContain(`| \`${type}\``);
});
