/** `tamtrl eval` and `tamtrl compare` as users run them. Needs a build, as `npm test` makes one. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { SMALL_COMPARISON } from '../run/comparison.test-support.js';

const executable = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'tamtrl-compare-'));

function tamtrl(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [executable, ...args], { cwd: folder }, (error, out, err) => {
      resolve({ code: error ? Number(error.code) : 0, out, err });
    });
  });
}

it('trains, evaluates and tabulates according to one file, and does not repeat finished parts', async () => {
  await writeFile(join(folder, 'c.yaml'), SMALL_COMPARISON);
  const nothing = await tamtrl('compare', 'c.yaml', '--tables-only');
  expect(nothing.code).toBe(1);
  expect(nothing.out).toMatch(/tamtrl +not run +not run/);
  const first = await tamtrl('compare', 'c.yaml', '--json', '--jobs', '2');
  expect(first.code).toBe(0);
  const summary = JSON.parse(first.out);
  expect(summary).toMatchObject({ complete: true, cells: { run: 4, wanted: 4 } });
  expect(summary.results[2].benchmarks['8 chunks'].by_seed).toHaveLength(2);
  const files = ['budgets.md', 'comparison.md', 'cost.md', 'learning-curves.md', 'learning-curves.svg'];
  expect((await readdir(join(folder, 'cmp'))).filter((name) => /\.(md|svg)$/.test(name)).sort()).toEqual([
    ...files,
    'results.md',
    'results.svg',
  ]);
  expect(await readFile(join(folder, 'cmp/results.svg'), 'utf8')).toMatch(/^<svg .*class="bar".*<\/svg>\n$/s);
  const page = await readFile(join(folder, 'cmp/comparison.md'), 'utf8');
  expect(page).toMatch(/\| tamtrl \| 2 \| \d+\.\d \(\d+\.\d to \d+\.\d\) \| [+-]\d+\.\d \(.*; 2 seeds: no p\) \|/);

  await rm(join(folder, 'cmp/evaluation/bm25-1-8-chunks'), { recursive: true });
  const again = await tamtrl('compare', 'c.yaml', '--json');
  expect(again.err).toContain('5 of 6 parts are finished already.');
  expect(JSON.parse(again.out)).toEqual(summary);

  const data = join(folder, 'cmp/data/8-chunks.jsonl');
  const evaluation = await tamtrl('eval', '--data', data, '--chunk-tokens', '6', '--limit', '10', '--out', 'ev');
  expect(evaluation).toMatchObject({
    code: 0,
    out: expect.stringMatching(/all +10 +0 +\d+\.\d \(\d+\.\d to \d+\.\d\)/),
  });
  expect(await readFile(join(folder, 'ev/summary.md'), 'utf8')).toContain('| all | 10 | 0 |');
  expect(await tamtrl('eval', '--data', data, '--out', 'ev')).toMatchObject({
    code: 2,
    err: expect.stringContaining('--resume'),
  });
  const other = await tamtrl('eval', '--data', data, '--out', 'ev', '--resume', '--limit', '10', '--chunk-tokens', '8');
  expect(other).toMatchObject({ code: 2, err: expect.stringContaining('chunkTokens was 6 and is now 8') });
  expect(await tamtrl('eval', '--data', 'nowhere.jsonl')).toMatchObject({
    code: 2,
    err: expect.stringContaining('Cannot read nowhere.jsonl'),
  });
  expect(await tamtrl('eval', '--data', data, '--reader', 'agent', '--chunk-tokens', '500')).toMatchObject({
    code: 2,
    err: expect.stringMatching(/A memory update needs up to \d+ tokens .* window holds 256/),
  });
});

it('evaluates with the trained settings, and refuses parts made with others', async () => {
  const memory = 'memory: { memoryTokens: 9, answerTokens: 5, empty: overwrite, align: sentence }';
  const text = SMALL_COMPARISON.replace('out: cmp', 'out: same')
    .replace('[1, 2]', '[1]')
    .replace('steps: 1,', `steps: 1, thinking: false, ${memory},`)
    .replace(', chunkTokens: 6', '');
  await writeFile(join(folder, 'same.yaml'), text);
  const first = await tamtrl('compare', 'same.yaml');
  expect(first.code, first.err).toBe(0);
  expect(first.out).toContain('One seed');
  const trained = JSON.parse(await readFile(join(folder, 'same/training/tamtrl-1/config.json'), 'utf8'));
  for (const name of ['tamtrl', 'untrained']) {
    const path = join(folder, `same/evaluation/${name}-1-8-chunks/settings.json`);
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({
      ...trained.memory,
      thinking: false,
      chunkTokens: 6,
    });
  }
  await writeFile(join(folder, 'same.yaml'), text.replace('steps: 1,', 'steps: 2,'));
  for (const flags of [[], ['--tables-only']]) {
    expect(await tamtrl('compare', 'same.yaml', ...flags)).toMatchObject({
      code: 2,
      err: expect.stringContaining('tamtrl, seed 1: training: steps was 1 and is now 2.'),
    });
  }
});
