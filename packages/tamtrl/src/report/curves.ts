/** Learning curves: of one run, and of the runs of a comparison. */
import { LEAST_SEEDS, meanScoreInterval } from '../eval/crossed.js';
import type { Interval } from '../eval/statistics.js';
import type { MetricsLine } from '../train/metrics.js';
import type { Course } from './budgets.js';
import { intervalText, seedCount } from './differences.js';
import { type PlotPoint, plotLines } from './plot/plot-lines.js';
import { evaluationsOf, metricOf, scoreBy, stepsOf } from './summary.js';

/**
 * The held-out score by the metric of the run's outcome, with its interval over records, and the outcome of the
 * training rollouts. For scores between 0 and 1 the interval is too wide rather than too narrow.
 */
export function learningCurve(metrics: readonly MetricsLine[]): string | undefined {
  const evaluations = evaluationsOf(metrics);
  const metric = metricOf(metrics);
  const training = stepsOf(metrics).flatMap((line) => (line.kind === 'step' ? [{ x: line.step, y: line.reward }] : []));
  if (evaluations.length === 0) return undefined;
  const heldOut = evaluations.flatMap((evaluation) => {
    const score = scoreBy(evaluation, metric);
    return score === undefined ? [] : [pointOf(evaluation.step, meanScoreInterval([score], evaluation.questions))];
  });
  return plotLines({
    title: metric,
    xLabel: 'step',
    yLabel: metric,
    series: [
      {
        name: `held out, ${evaluations[0].questions} questions, 95% interval over them`,
        points: heldOut,
        markers: true,
      },
      ...(training.length > 0 ? [{ name: 'training rollouts', points: training }] : []),
    ],
  });
}

/** Loss of supervised warm-up; undefined for other runs. */
export function lossCurve(metrics: readonly MetricsLine[]): string | undefined {
  const points = metrics.flatMap((line) => (line.kind === 'sft' ? [{ x: line.step, y: line.loss }] : []));
  if (!points.some(({ y }) => Number.isFinite(y))) return undefined;
  return plotLines({ xLabel: 'step', yLabel: 'cross-entropy (nats)', series: [{ name: 'loss', points }] });
}

/** Held-out score of a method by step. */
export interface Curve {
  method: string;
  seeds: number;
  points: { step: number; interval: Interval }[];
}

/** A curve for each method that is trained: at each step after which all of its runs were evaluated. */
export function curvesOf(courses: readonly Course[], methods: readonly string[]): Curve[] {
  return methods.flatMap((method): Curve[] => {
    const own = courses.filter((course) => course.method === method);
    if (own.length === 0) return [];
    const points = own[0].evaluations.flatMap(({ step }) => {
      const held = own.flatMap(({ evaluations }) => evaluations.find((one) => one.step === step) ?? []);
      if (held.length < own.length) return [];
      const questions = Math.min(...held.map((one) => one.questions));
      const interval = meanScoreInterval(
        held.map(({ score }) => score),
        questions,
      );
      return [{ step, interval }];
    });
    return [{ method, seeds: own.length, points }];
  });
}

/**
 * The curves in one figure, by the metric of their scores; two seeds, whose interval would fill it, have a line only.
 * Undefined without any point.
 */
export function curvesFigure(curves: readonly Curve[], metric: string): string | undefined {
  const series = curves.map(({ method, seeds, points }) => {
    const banded = seeds === 1 || seeds >= LEAST_SEEDS;
    const kind = seeds === 1 ? '1 seed, band over records' : `${seedCount(seeds)}${banded ? '' : ', no band'}`;
    const drawn = points.map(({ step, interval }) =>
      banded ? pointOf(step, interval) : { x: step, y: interval.mean },
    );
    return { name: `${method} (${kind})`, points: drawn, markers: true };
  });
  if (series.every(({ points }) => points.length === 0)) return undefined;
  const title = `Held-out ${metric} while training, 95% intervals`;
  return plotLines({ title, xLabel: 'step', yLabel: metric, series, height: 440 });
}

/** The same as rows: header, then a step each, with a column for each method. */
export function curvesTable(curves: readonly Curve[]): string[][] {
  const steps = [...new Set(curves.flatMap(({ points }) => points.map(({ step }) => step)))].sort((a, b) => a - b);
  const rows = steps.map((step) => [
    String(step),
    ...curves.map(({ points }) => {
      const point = points.find((one) => one.step === step);
      return point === undefined ? '' : intervalText(point.interval);
    }),
  ]);
  const head = curves.map(
    ({ method, seeds }) => `${method}, ${seedCount(seeds)}${seeds === 1 ? ': records only' : ''}`,
  );
  return [['step', ...head], ...rows];
}

function pointOf(step: number, { mean, low, high }: Interval): PlotPoint {
  return { x: step, y: mean, low, high };
}
