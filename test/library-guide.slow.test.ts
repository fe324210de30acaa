/** docs/library.md: its programs run in their order (types.slow.test.ts checks their types). Needs a build. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RUN_FILES } from '../packages/tamtrl/src/run/folder.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const guide = readFileSync(join(root, 'docs/library.md'), 'utf8');
const programs = [...guide.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code);

let folder: string;
const files: string[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'library-guide-'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  programs.forEach((code, at) => {
    files.push(join(folder, `program-${at + 1}.mjs`));
    writeFileSync(files[at], code);
  });
});

afterAll(() => rmSync(folder, { recursive: true }));

it('has programs that run one after another', async () => {
  // In one process, which loads the library and the engine once.
  const all = join(folder, 'all.mjs');
  const between = '--- next program ---\n';
  writeFileSync(
    all,
    files.map((file) => `await import(${JSON.stringify(file)});\nconsole.log('${between.trimEnd()}');\n`).join(''),
  );
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [all], { cwd: folder });
  expect(stderr).toBe('');
  const said = stdout.split(between);
  expect(said[0]).toBe('mini: 256 tokens, can be trained\noslo rome bern\n');
  expect(said[1]).toMatch(
    /^mini, window 256 tokens\nexact match .*\nstep 1: \d+ .*\nstep 2: .*\nexact match .*\nsteps: runs\/mentions\/checkpoints\/\w+\n$/,
  );
  expect(said[2]).toMatch(/^mentions, seed 1: 2 of 2 steps\nstep 1: reward [\d.]+, score 0\.\d+\n/);
  expect(said[3]).toMatch(/^exact match [\d.]+, F1 0\.\d+, memory [\d.]+ tokens\n$/);
  expect(said[4]).toContain('There is no run in runs/elsewhere');
  const written = readdirSync(join(folder, 'runs/mentions')).filter((name) => name !== 'checkpoints');
  expect(Object.values(RUN_FILES)).toEqual(expect.arrayContaining(written));
  for (const name of written) expect(guide).toContain(`\`${name}\``);
});
