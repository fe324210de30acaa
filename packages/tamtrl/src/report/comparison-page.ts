/** The tables and figures of a comparison, from what is in its folder. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWhole } from '../base/files.js';
import { alignedTable, markdownTable } from '../base/format.js';
import { RESULTS } from '../eval/evaluation.js';
import { type RecordResult, resultSchema, scoreOf } from '../eval/results.js';
import { mean, studentInterval } from '../eval/statistics.js';
import type { CompareConfig } from '../run/comparison-config.js';
import { factsOf, type Note } from '../run/comparison-facts.js';
import { PAGE_HEAD } from '../run/comparison-folder.js';
import {
  type ComparisonCell,
  type ComparisonRun,
  comparisonRuns,
  isEvaluated,
  isTrained,
} from '../run/comparison-plan.js';
import { RunFolder } from '../run/folder.js';
import {
  type Cell,
  type Comparison,
  cellMean,
  costTable,
  csv,
  NOT_RUN,
  overSeeds,
  scoreTable,
  type TrainingCost,
} from './comparison.js';
import { notesText, withMarks } from './comparison-notes.js';
import { plotBars } from './plot/plot-bars.js';
import { plotLines } from './plot/plot-lines.js';
import { evaluationsOf, stepsOf } from './summary.js';

interface Trained extends TrainingCost {
  evaluations: { step: number; exact_match: number }[];
}

/**
 * Writes results, ablations and cost as .md and .csv, results and learning curves as .svg, and all of them as
 * comparison.md.
 */
export async function writeTables(
  config: CompareConfig,
): Promise<{ complete: boolean; text: string; summary: object }> {
  const { out, baseline, ablations } = config;
  const runs = comparisonRuns(config);
  const cells: Cell[] = [];
  for (const run of runs) for (const cell of run.cells) cells.push(...(await cellOf(run, cell)));
  const training: Trained[] = [];
  for (const run of runs) training.push(...(await trainingOf(run)));
  const methods = config.methods.map(({ name }) => name);
  const benchmarks = config.benchmarks.map(({ name }) => name);
  const comparison: Comparison = { methods, benchmarks, seeds: config.seeds, baseline, cells, training };
  const { notes, sameHeldOut } = await factsOf(config);
  const scores = (names: readonly string[], against: string) =>
    withMarks(scoreTable(comparison, names, against), notes);
  const tables: Record<string, string[][]> = { results: scores(methods, baseline) };
  if (ablations) tables.ablations = scores([ablations.of, ...ablations.variants], ablations.of);
  tables.cost = costTable(comparison);
  for (const [name, rows] of Object.entries(tables)) {
    await writeWhole(join(out, `${name}.md`), markdownTable(rows));
    await writeWhole(join(out, `${name}.csv`), csv(rows));
  }
  if (cells.length > 0) await writeWhole(join(out, 'results.svg'), resultsFigure(comparison));
  const curves = sameHeldOut ? curvesFigure(methods, training) : undefined;
  if (curves !== undefined) await writeWhole(join(out, 'learning-curves.svg'), curves);
  else await rm(join(out, 'learning-curves.svg'), { force: true });
  await writeWhole(join(out, 'comparison.md'), page(config, tables, notes, curves !== undefined));
  const wanted = runs.length * config.benchmarks.length;
  const summary = {
    out,
    complete: cells.length === wanted,
    cells: { run: cells.length, wanted },
    notes,
    results: methods.map((method) => ({
      method,
      benchmarks: Object.fromEntries(
        benchmarks.map((benchmark) => {
          const own = cells.filter((cell) => cell.method === method && cell.benchmark === benchmark);
          return [benchmark, own.length === 0 ? null : { mean: mean(own.map(cellMean)), by_seed: own.map(cellMean) }];
        }),
      ),
    })),
  };
  return {
    complete: cells.length === wanted,
    text: [alignedTable(tables.results), notesText(notes)].filter((part) => part !== '').join('\n'),
    summary,
  };
}

async function cellOf({ method, seed }: ComparisonRun, cell: ComparisonCell): Promise<Cell[]> {
  if (!(await isEvaluated(cell))) return [];
  const { benchmark, folder } = cell;
  const lines = (await readFile(join(folder, RESULTS), 'utf8')).trimEnd().split('\n');
  const results = lines.map((line): RecordResult => resultSchema.parse(JSON.parse(line)));
  return [
    {
      method: method.name,
      seed,
      benchmark: benchmark.name,
      scores: new Map(results.map((result) => [result.id, scoreOf(result, benchmark.metric)])),
      seconds: mean(results.map(({ seconds }) => seconds)),
      tokens: mean(results.map(({ prompt_tokens, sampled_tokens }) => prompt_tokens + sampled_tokens)),
      memoryTokens: mean(results.map(({ memory_tokens }) => memory_tokens)),
    },
  ];
}

async function trainingOf(run: ComparisonRun): Promise<Trained[]> {
  const { method, seed, training } = run;
  if (training === undefined || !(await isTrained(run))) return [];
  const metrics = await new RunFolder(training).readMetrics();
  const steps = stepsOf(metrics);
  const total = (of: (line: (typeof steps)[number]) => Readonly<Record<string, number | undefined>>) => {
    const sums: Record<string, number> = {};
    for (const line of steps)
      for (const [name, value = 0] of Object.entries(of(line))) sums[name] = (sums[name] ?? 0) + value;
    return sums;
  };
  const last = steps.at(-1);
  return [
    {
      method: method.name,
      seed,
      seconds: total(({ seconds }) => seconds),
      tokens: total(({ tokens }) => ({ ...tokens })),
      memoryTokens: last && 'memory_tokens' in last ? last.memory_tokens : 0,
      evaluations: evaluationsOf(metrics).map(({ step, exact_match }) => ({ step, exact_match })),
    },
  ];
}

function resultsFigure({ methods, benchmarks, cells }: Comparison): string {
  const bars = methods.map((name) => ({
    name,
    values: benchmarks.map(
      (benchmark) => overSeeds(cells.filter((cell) => cell.method === name && cell.benchmark === benchmark)).interval,
    ),
  }));
  return plotBars({ title: 'Mean and 95 % interval over seeds', yLabel: 'score, percent', groups: benchmarks, bars });
}

function curvesFigure(methods: readonly string[], training: readonly Trained[]): string | undefined {
  const series = methods.flatMap((name) => {
    const own = training.filter(({ method }) => method === name);
    if (own.length === 0) return [];
    const points = own[0].evaluations.map(({ step }) => {
      const {
        mean: y,
        low,
        high,
      } = studentInterval(
        own.flatMap(({ evaluations }) =>
          evaluations.filter((each) => each.step === step).map(({ exact_match }) => exact_match),
        ),
      );
      return { x: step, y, ...(high > low ? { low: Math.max(0, low), high } : {}) };
    });
    return [{ name, points, markers: true }];
  });
  if (series.length === 0) return undefined;
  return plotLines({
    title: 'Held-out exact match while training',
    xLabel: 'step',
    yLabel: 'exact match',
    series,
    height: 440,
  });
}

function page(
  { seeds, baseline, benchmarks }: CompareConfig,
  tables: Record<string, string[][]>,
  notes: readonly Note[],
  curves: boolean,
): string {
  const metrics = benchmarks
    .map(({ name, metric, questions }) => `${name}: ${metric}, ${questions} records`)
    .join('; ');
  const parts = [
    PAGE_HEAD,
    `Scores in percent, mean and half of Student's 95 % interval over seeds (${seeds.join(', ')}); methods that are not trained answer greedily and have one. ${metrics}. Differences are paired by record (mean over seeds): bootstrap 95 % interval over records and p of a sign-flip test, 2,000 resamples. A cell that says "${NOT_RUN}" was not.\n`,
    `## Results\n\nAgainst ${baseline}.\n\n${markdownTable(tables.results)}`,
    ...(notes.length > 0 ? [notes.map(({ text }, at) => `- [${at + 1}] ${text}\n`).join('')] : []),
    '![Results](results.svg)\n',
    ...(tables.ablations ? [`## Ablations\n\n${markdownTable(tables.ablations)}`] : []),
    `## Cost\n\nSeconds and thousands of tokens (kT) of a whole training, mean over seeds; seconds and tokens of an answer, mean over records and benchmarks; memories in tokens.\n\n${markdownTable(tables.cost)}`,
    ...(curves ? ['![Learning curves](learning-curves.svg)\n'] : []),
  ];
  return parts.join('\n');
}
