/** The learning curves of a run. */
import type { MetricsLine } from '../train/metrics.js';
import { plotLines } from './plot/plot-lines.js';
import { evaluationsOf, stepsOf } from './summary.js';

/** Held-out exact match with its 95% interval (normal approximation of a share), and that of the training rollouts. */
export function learningCurve(metrics: readonly MetricsLine[]): string | undefined {
  const evaluations = evaluationsOf(metrics);
  const training = stepsOf(metrics).flatMap((line) =>
    line.kind === 'step' ? [{ x: line.step, y: line.exact_match }] : [],
  );
  if (evaluations.length === 0) return undefined;
  const heldOut = evaluations.map(({ step, exact_match, questions }) => {
    const half = 1.96 * Math.sqrt((exact_match * (1 - exact_match)) / questions);
    return { x: step, y: exact_match, low: Math.max(0, exact_match - half), high: Math.min(1, exact_match + half) };
  });
  return plotLines({
    title: 'Exact match',
    xLabel: 'step',
    yLabel: 'exact match',
    series: [
      { name: `held out, ${evaluations[0].questions} questions, 95% interval`, points: heldOut, markers: true },
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
