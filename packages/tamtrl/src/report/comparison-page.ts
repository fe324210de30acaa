/** Makes the tables and figures of a comparison from what is in its folder. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWhole } from '../base/files.js';
import { alignedTable, markdownTable } from '../base/format.js';
import type { Metric } from '../data/metrics.js';
import { RESULTS } from '../eval/evaluation.js';
import { type RecordResult, resultSchema, scoreOf } from '../eval/results.js';
import { mean } from '../eval/statistics.js';
import type { CompareConfig } from '../run/comparison-config.js';
import { factsOf } from '../run/comparison-facts.js';
import type { FailedPart } from '../run/comparison-failures.js';
import {
  type ComparisonCell,
  type ComparisonRun,
  comparisonRuns,
  isEvaluated,
  isTrained,
} from '../run/comparison-plan.js';
import { RunFolder } from '../run/folder.js';
import type { MetricsLine } from '../train/metrics.js';
import { atEqualBudgets, budgetTable, commonMetric, courseOf } from './budgets.js';
import { type Cell, type Comparison, costTable, csv, entries, scoreTable, type TrainingCost } from './comparison.js';
import { notesText, withMarks } from './comparison-notes.js';
import { comparisonSummary } from './comparison-summary.js';
import { pageText } from './comparison-text.js';
import { curvesFigure, curvesOf, curvesTable } from './curves.js';
import { plotBars } from './plot/plot-bars.js';
import { stepsOf } from './summary.js';
import { sweepFigure, sweepSummary, sweepTable } from './sweep.js';

/**
 * Writes results, ablations, sweeps, equal budgets, learning curves and cost as .md and .csv, results, sweeps and
 * learning curves as .svg, and all of them as comparison.md.
 */
export async function writeTables(
  config: CompareConfig,
): Promise<{ complete: boolean; text: string; summary: object }> {
  const { out, baseline, ablations } = config;
  const runs = comparisonRuns(config);
  const cells: Cell[] = [];
  const metrics = new Map(config.benchmarks.map(({ name }) => [name, new Set<Metric>()]));
  for (const run of runs) for (const cell of run.cells) cells.push(...(await cellOf(run, cell, metrics)));
  const trained: Training[] = [];
  for (const run of runs) trained.push(...(await trainingOf(run)));
  const metric = commonMetric(trained.map(({ lines }) => lines));
  const methods = config.methods.map(({ name }) => name);
  const benchmarks = config.benchmarks.map(({ name }) => name);
  const training = trained.map(({ cost }) => cost);
  const { notes, failed, sameHeldOut } = await factsOf(config);
  const lost = failed.map(({ run, benchmark }) => ({ method: run.method.name, benchmark }));
  const comparison: Comparison = { methods, benchmarks, cells, training, failed: lost };
  const scores = (names: readonly string[], against: string) =>
    withMarks(scoreTable(comparison, names, against), notes);
  // Scores on different held-out sets have no common curve and no common budget.
  const courses = sameHeldOut ? trained.map(({ cost, lines }) => courseOf(cost, lines, metric)) : [];
  const budgets = atEqualBudgets(courses, methods, baseline);
  const curves = curvesOf(courses, methods);
  const sweep = sweepTable(config, comparison, reasonsOf(failed));
  const tables = {
    results: scores(methods, baseline),
    ...(ablations && { ablations: scores([ablations.of, ...ablations.variants], ablations.of) }),
    ...(sweep && { sweep }),
    ...(budgets && { budgets: budgetTable(budgets, baseline) }),
    ...(curves.length > 0 && { curves: curvesTable(curves) }),
    cost: costTable(comparison),
  };
  for (const [name, rows] of Object.entries(tables)) {
    const file = name === 'curves' ? 'learning-curves' : name;
    await writeWhole(join(out, `${file}.md`), markdownTable(rows));
    await writeWhole(join(out, `${file}.csv`), csv(rows));
  }
  const figures = {
    'results.svg': cells.length > 0 ? resultsFigure(comparison, baseline) : undefined,
    'sweep.svg': sweepFigure(config, comparison),
    'learning-curves.svg': curvesFigure(curves, metric),
  };
  for (const [name, svg] of Object.entries(figures)) {
    // A figure of an earlier session would say what no longer holds.
    if (svg === undefined) await rm(join(out, name), { force: true });
    else await writeWhole(join(out, name), svg);
  }
  const drawn = {
    results: figures['results.svg'] !== undefined,
    sweep: figures['sweep.svg'] !== undefined,
    curves: figures['learning-curves.svg'] !== undefined,
  };
  await writeWhole(
    join(out, 'comparison.md'),
    pageText(config, { benchmarks: metrics, heldOut: metric }, { ...tables, notes }, budgets?.problems ?? [], drawn),
  );
  const refused = failed.filter((part) => part.refused).length;
  const wanted = (runs.length - refused) * config.benchmarks.length;
  const complete = cells.length === wanted;
  const summary = {
    out,
    complete,
    cells: { run: cells.length, wanted },
    notes,
    failures: failed.map(({ run, ...rest }) => ({ method: run.method.name, seed: run.seed, ...rest })),
    ...(sweep && { sweep: sweepSummary(config) }),
    metrics: Object.fromEntries([...metrics].map(([benchmark, names]) => [benchmark, [...names]])),
    ...comparisonSummary(comparison, baseline, budgets),
  };
  const text = [alignedTable(tables.results), notesText(notes)].filter((part) => part !== '').join('\n');
  return { complete, text, summary };
}

/** By method, each reason once. */
function reasonsOf(failed: readonly FailedPart[]): Map<string, string> {
  const reasons = new Map<string, Set<string>>();
  for (const { run, reason } of failed) {
    const { name } = run.method;
    reasons.set(name, (reasons.get(name) ?? new Set()).add(reason));
  }
  return new Map([...reasons].map(([name, each]) => [name, [...each].join(' ')]));
}

/** @param metrics of each benchmark, to which those of this cell's records are added */
async function cellOf(
  { method, seed, training }: ComparisonRun,
  cell: ComparisonCell,
  metrics: ReadonlyMap<string, Set<Metric>>,
): Promise<Cell[]> {
  if (!(await isEvaluated(cell))) return [];
  const { benchmark, folder } = cell;
  const lines = (await readFile(join(folder, RESULTS), 'utf8')).trimEnd().split('\n');
  const results = lines.map((line): RecordResult => resultSchema.parse(JSON.parse(line)));
  const metricOf = (result: RecordResult): Metric => benchmark.metric ?? result.metric ?? 'exact_match';
  for (const result of results) metrics.get(benchmark.name)?.add(metricOf(result));
  return [
    {
      method: method.name,
      ...(training !== undefined && { seed }),
      benchmark: benchmark.name,
      scores: new Map(results.map((result) => [result.id, scoreOf(result, metricOf(result))])),
      seconds: mean(results.map(({ seconds }) => seconds)),
      tokens: mean(results.map(({ prompt_tokens, sampled_tokens }) => prompt_tokens + sampled_tokens)),
      memoryTokens: mean(results.map(({ memory_tokens }) => memory_tokens)),
    },
  ];
}

interface Training {
  cost: TrainingCost;
  lines: MetricsLine[];
}

async function trainingOf(run: ComparisonRun): Promise<Training[]> {
  const { seed, training } = run;
  if (training === undefined || !(await isTrained(run))) return [];
  const method = run.method.name;
  const lines = await new RunFolder(training).readMetrics();
  const steps = stepsOf(lines);
  const total = (of: (line: (typeof steps)[number]) => Readonly<Record<string, number | undefined>>) => {
    const sums: Record<string, number> = {};
    for (const line of steps)
      for (const [name, value = 0] of Object.entries(of(line))) sums[name] = (sums[name] ?? 0) + value;
    return sums;
  };
  const last = steps.at(-1);
  const cost: TrainingCost = {
    method,
    seed,
    seconds: total(({ seconds }) => seconds),
    tokens: total(({ tokens }) => ({ ...tokens })),
    memoryTokens: last && 'memory_tokens' in last ? last.memory_tokens : 0,
  };
  return [{ cost, lines }];
}

function resultsFigure(comparison: Comparison, against: string): string {
  const { methods, benchmarks } = comparison;
  const scores = entries(comparison, methods, against);
  const bars = methods.map((name) => ({
    name,
    values: scores.filter(({ method }) => method === name).map(({ score }) => score?.interval),
  }));
  const title = 'Mean and 95 % interval over seeds and records';
  return plotBars({ title, yLabel: 'score, percent', groups: benchmarks, bars });
}
