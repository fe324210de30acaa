/** The executable as users run it: output and exit codes. Needs a build, as `npm test` makes one. */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runnable, SETTINGS, spawned } from './executable.test-support.js';

let folder: string;
let config: string;

beforeAll(async () => {
  ({ folder, config } = await runnable());
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const tamtrl = (args: readonly string[]) => spawned(folder, args);

it('two steps: plain progress on stderr, one JSON object on stdout, everything in the folder', async () => {
  const { code, out, err } = await tamtrl(['train', '--config', config, '--seed', '3', '--out', 'two', '--json']);
  expect(err).toMatch(/^Held-out before training: exact match 0\.0%.*\(4 questions, /m);
  expect(err).toMatch(
    /^step 1\/2: reward 0\.000, exact match 0\.0%, memory \d\.\d tokens, [\d,]+ tokens\/s, .* left$/m,
  );
  expect(err).toMatch(/^step 2\/2: /m);
  expect([...err].filter((character) => character < ' ' && character !== '\n')).toEqual([]);
  expect(code).toBe(0);
  expect(out.trimEnd().split('\n')).toHaveLength(1);
  const summary = JSON.parse(out);
  expect(Object.keys(summary).slice(0, 9)).toEqual([
    'method',
    'seed',
    'steps',
    'metric',
    'score',
    'exact_match',
    'seconds',
    'tokens',
    'checkpoint',
  ]);
  expect(summary).toMatchObject({
    method: 'tamtrl',
    seed: 3,
    steps: 2,
    exact_match: { before: 0, after: 0 },
    checkpoint: 'two/checkpoints/final',
    evaluated_step: 2,
    held_out_questions: 4,
    reason: 'steps',
    preset: 'custom',
    folder: 'two',
  });
  const { prompt, sampled, scored, trained, total } = summary.tokens;
  expect(total).toBe(prompt + sampled + scored + trained);
  expect(sampled).toBeGreaterThan(0);
  expect(await readdir(join(folder, 'two'))).toEqual([
    'checkpoints',
    'config.json',
    'groups.jsonl',
    'info.json',
    'learning-curve.svg',
    'metrics.jsonl',
    'readings.json',
    'report.md',
    'trajectories.jsonl',
  ]);
  const saved = JSON.parse(await readFile(join(folder, 'two/config.json'), 'utf8'));
  expect(saved).toMatchObject({ seed: 3, steps: 2, method: 'tamtrl', clipHigh: 0.28, reward: { combine: 'additive' } });
  const report = await readFile(join(folder, 'two/report.md'), 'utf8');
  expect(report).toContain('| held out (4 questions) | before | after step 2 | change |');
  expect(report).toContain('![exact_match by step](learning-curve.svg)');
  expect(report.match(/^### mini-/gm)).toHaveLength(3);
  expect(report.match(/^ {2}Memory 2 /gm)).toHaveLength(6);
  expect(await readFile(join(folder, 'two/learning-curve.svg'), 'utf8')).toMatch(/^<svg .*class="line".*<\/svg>\n$/s);
});

it('a refusal is one line with its place, nothing on stdout, and exit code 2', async () => {
  await writeFile(join(folder, 'wrong.yaml'), `${SETTINGS}grupSize: 4\n`);
  expect(await tamtrl(['train', '--config', 'wrong.yaml'])).toEqual({
    code: 2,
    out: '',
    err: 'tamtrl: wrong.yaml:12:1: unknown setting "grupSize". Did you mean "groupSize"?\n',
  });
});
