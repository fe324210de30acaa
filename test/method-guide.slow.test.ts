/** docs/method.md: its program with a method of its own runs. Needs a build. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const guide = readFileSync(join(root, 'docs/method.md'), 'utf8');

it('has a program with its own method, which runs', async () => {
  const [program] = [...guide.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code);
  const folder = mkdtempSync(join(root, 'node_modules', '.method-guide-'));
  try {
    writeFileSync(join(folder, 'program.mjs'), program);
    const { stdout } = await promisify(execFile)(process.execPath, ['program.mjs'], { cwd: folder });
    expect(stdout).toMatch(/^1 0\.\d+\n2 0\.\d+\n$/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
