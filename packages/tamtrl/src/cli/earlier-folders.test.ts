/**
 * Folders that the program wrote at commit 284da51 are opened, reported, resumed and compared, with the numbers that
 * they had then. fixtures/run-folders/README.md says how they were made.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeReport } from '../report/report.js';
import { jsonSummary } from '../report/summary.js';
import { readRun } from '../run/read.js';
import { runQuietly } from './program.test-support.js';

const fixtures = fileURLToPath(new URL('../../fixtures/run-folders', import.meta.url));
const before = process.cwd();
let folder: string;

// The folders name their models and records by relative paths.
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tamtrl-earlier-'));
  await cp(fixtures, folder, { recursive: true });
  process.chdir(folder);
});

afterEach(async () => {
  process.chdir(before);
  await rm(folder, { recursive: true, force: true });
});

const run = (...args: string[]) => runQuietly(args);

const text = (path: string) => readFile(join(folder, path), 'utf8');

/** Cells of the rows with these names, in all tables of a page. */
const numbersOf = (markdown: string, names: readonly string[]) =>
  markdown
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter(([, name]) => names.includes(name))
    .map((cells) => cells.slice(2));

describe('a training run', () => {
  it('is read', async () => {
    const found = await readRun('run');
    expect(found.info).toMatchObject({ command: 'train', preset: 'mini', method: 'tamtrl' });
    expect(found.config).toMatchObject({
      seed: 3,
      steps: 3,
      memory: { chunkTokens: 6 },
      reward: { combine: 'product' },
    });
    expect(found.metrics.map(({ kind, step }) => `${kind} ${step}`)).toEqual([
      'evaluation 0',
      'step 1',
      'step 2',
      'evaluation 2',
      'step 3',
      'evaluation 3',
    ]);
    expect(found.summary).toMatchObject({ reason: 'steps', model: 'run/checkpoints/best' });
    expect(found.readings.before).toHaveLength(3);
    expect(found.readings.after).toHaveLength(3);
    expect(jsonSummary(found)).toMatchObject({
      steps: 3,
      exact_match: { before: 0, after: 1 / 3 },
      f1: { before: 1 / 6, after: 1 / 3 },
      memory_tokens: { before: 6, after: 6 },
      tokens: { prompt: 725, sampled: 344, scored: 1133, trained: 428, total: 2630 },
      best: { step: 2, exact_match: 1 / 3 },
    });
  });

  it.each(['run', 'sft'])('has the numbers of its report: %s', async (name) => {
    const then = await text(`${name}/report.md`);
    await writeReport(await readRun(name));
    const now = await text(`${name}/report.md`);
    for (const rows of [
      ['memory tokens'],
      ['rollout', 'reward', 'score', 'train'],
      ['prompt', 'sampled', 'scored', 'trained'],
    ]) {
      const numbers = numbersOf(then, rows);
      expect(numbers).not.toEqual([]);
      expect(numbersOf(now, rows)).toEqual(numbers);
    }
    // Metrics had other names in the tables.
    // Intervals stand beside scores today.
    const scores = numbersOf(now, ['exact_match', 'f1', 'sub_exact_match']).map((row) =>
      row.map((cell) => cell.replace(/ \(.*\)$/, '')),
    );
    expect(scores).toHaveLength(3);
    expect(scores).toEqual(numbersOf(then, ['exact match', 'F1', 'sub-EM']));
    expect(await text(`${name}/learning-curve.svg`).catch(() => text(`${name}/loss.svg`))).toMatch(/^<svg /);
  });

  it('is resumed for a further step', async () => {
    const { code, err } = await run('train', '--resume', 'resumable', '--steps', '3');
    expect(err).toContain('Continuing after step 2 in resumable');
    expect(code, err).toBe(0);
    const { metrics, summary } = await readRun('resumable');
    expect(metrics.filter(({ kind }) => kind === 'step').map(({ step }) => step)).toEqual([1, 2, 3]);
    expect(summary.state.step).toBe(3);
  });
});

describe('an evaluation', () => {
  const command = ['eval', '--data', 'records.jsonl', '--memory-tokens', '9', '--chunk-tokens', '6', '--out', 'eval'];

  it('that was interrupted continues, with the same result', async () => {
    const then = JSON.parse(await text('eval/summary.json'));
    const lines = (await text('eval/results.jsonl')).trimEnd().split('\n');
    await rm('eval/summary.json');
    await writeFile('eval/results.jsonl', `${lines.slice(0, 2).join('\n')}\n`);
    const { code, err } = await run(...command, '--resume');
    expect(code, err).toBe(0);
    const now = JSON.parse(await text('eval/summary.json'));
    expect(now.records).toBe(4);
    for (const [metric, { mean }] of Object.entries(then.metrics as Record<string, { mean: number }>)) {
      expect(now.metrics[metric.replace('ruler_', 'string_match_')].mean, metric).toBeCloseTo(mean, 10);
    }
  });
});

describe('a comparison', () => {
  it('keeps its scores, and runs no part again', async () => {
    const [, untrained, memagent, tamtrl] = (await text('compare/results.csv')).split('\n');
    expect([untrained, memagent, tamtrl].map((row) => row.split(',')[2])).toEqual(['75.0', '75.0 ± 0.0', '75.0 ± 0.0']);
    const { code, out, err } = await run('compare', 'compare.yaml', '--json');
    expect(code, err).toBe(0);
    expect(err).toBe('9 of 9 parts are finished already.\n');
    const trained = { benchmarks: { '2 chunks': { mean: 0.75, by_seed: [0.75, 0.75] } } };
    expect(JSON.parse(out.trimEnd().split('\n').at(-1)!)).toMatchObject({
      complete: true,
      cells: { run: 5, wanted: 5 },
      results: [
        { method: 'untrained', benchmarks: { '2 chunks': { mean: 0.75, by_seed: [0.75] } } },
        { method: 'memagent', ...trained },
        { method: 'tamtrl', ...trained },
      ],
    });
    expect(await text('compare/comparison.md')).toContain('![Learning curves](learning-curves.svg)');
    expect(await text('compare/learning-curves.svg')).toMatch(/^<svg /);
  });
});
