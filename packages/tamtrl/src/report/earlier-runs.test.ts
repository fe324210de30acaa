/**
 * Runs of versions that named metrics otherwise (`exactMatch`, `memoryTokens`) are still read, with the same numbers.
 */
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { readMetricsLines } from '../run/metrics-file.js';
import { runConfigSchema } from '../train/config.js';
import { newRunState } from '../train/store.js';
import { learningCurve } from './curves.js';
import { comparisonRows, costRows, jsonSummary, stepsOf } from './summary.js';

// The evaluations and the first and last step of a run of the preset mini; the expectations are from the report it
// wrote then.
const path = fileURLToPath(new URL('../../fixtures/earlier-run/metrics.jsonl', import.meta.url));

it('reproduces the numbers of its report', async () => {
  const metrics = await readMetricsLines(path);
  expect(comparisonRows({ metrics })).toEqual([
    ['held out (256 questions)', 'before', 'after step 20', 'change'],
    ['exact_match', '25.4% (20.4 to 31.1)', '46.5% (40.5 to 52.6)', '+21.1%'],
    ['f1', '68.2%', '79.3%', '+11.0%'],
    ['sub_exact_match', '25.4% (20.4 to 31.1)', '46.5% (40.5 to 52.6)', '+21.1%'],
    ['memory tokens', '6.0', '6.0', '+0.0'],
    ['empty memories', '0.0% (0.0 to 1.5)', '0.0% (0.0 to 1.5)', '+0.0%'],
    ['cut-off memories', '0.0% (0.0 to 1.5)', '0.0% (0.0 to 1.5)', '+0.0%'],
    ['cut-off answers', '0.0% (0.0 to 1.5)', '0.0% (0.0 to 1.5)', '+0.0%'],
  ]);
  // Evaluated before training only: no second column that says the same.
  const once = metrics.filter(({ kind, step }) => kind === 'evaluation' && step === 0);
  expect(comparisonRows({ metrics: once }).slice(0, 2)).toEqual([
    ['held out (256 questions)', 'before'],
    ['exact_match', '25.4% (20.4 to 31.1)'],
  ]);
  const [first, last] = stepsOf(metrics);
  expect(
    costRows([first])
      .tokens.slice(1)
      .map((row) => row[1]),
  ).toEqual(['36,736', '10,495', '60,970', '32,250']);
  expect(last).toMatchObject({
    exact_match: 0.2717391304347826,
    memory_tokens: 6.005434782608695,
    learning_rate: 5e-4,
  });
  expect(first).toMatchObject({ method: { teacher_score: -0.5070604560756256 } });
  expect(learningCurve(metrics)).toContain('held out, 256 questions');
  const info = { command: 'train', preset: 'mini', method: 'tamtrl', started: '2026-01-31T00:00:00.000Z' } as const;
  const state = { ...newRunState('reinforcement'), step: 20 };
  const summary = { reason: 'steps', state, model: 'm', seconds: 24 } as const;
  const config = runConfigSchema.parse({});
  const run = { info, command: 'train' as const, config, folder: 'f', summary, readings: { before: [] } };
  expect(jsonSummary({ ...run, metrics })).toMatchObject({
    exact_match: { before: 0.25390625, after: 0.46484375 },
    sub_exact_match: { before: 0.25390625, after: 0.46484375 },
    memory_tokens: { before: 6, after: 6.0009765625 },
  });
});
