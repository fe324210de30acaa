import { describe, expect, it } from 'vitest';
import { wilsonInterval } from '../eval/crossed.js';
import type { EvaluationMetrics, MetricsLine } from '../train/metrics.js';
import { commonMetric, courseOf } from './budgets.js';
import { curvesFigure, curvesOf, curvesTable, learningCurve } from './curves.js';

const evaluations = (scores: Record<number, number>) =>
  Object.entries(scores).map(([step, exact_match]) => {
    return { kind: 'evaluation', step: Number(step), exact_match, questions: 50 } as EvaluationMetrics;
  });
const course = (method: string, seed: number, scores: Record<number, number>) =>
  courseOf({ method, seed }, evaluations(scores));

const courses = [
  ...[1, 2, 3].map((seed) => course('three', seed, { 0: 0, 10: seed / 10 })),
  course('two', 1, { 0: 0, 10: 0.1 }),
  course('two', 2, { 0: 0, 10: 0.3 }),
  course('one', 1, { 0: 0, 10: 0.26 }),
];
const curves = curvesOf(courses, ['three', 'two', 'one', 'untrained']);

describe('curves of a comparison', () => {
  it("have Student's interval over seeds, Wilson's over records for one, and a width at 0", () => {
    expect(curves.map(({ method, seeds }) => [method, seeds])).toEqual([
      ['three', 3],
      ['two', 2],
      ['one', 1],
    ]);
    const [three, , one] = curves;
    expect(three.points[0].interval).toEqual(wilsonInterval(0, 50));
    expect(three.points[1].interval).toMatchObject({ mean: expect.closeTo(0.2, 12), low: 0 });
    expect(three.points[1].interval.high).toBeCloseTo(0.448414, 6);
    expect(one.points[1].interval).toEqual(wilsonInterval(13, 50));
  });

  it('are drawn with a band for one seed and for three, not for two', () => {
    const svg = curvesFigure(curves, 'exact_match')!;
    const bandOf = (name: string) => svg.split('<g><title>').find((part) => part.startsWith(name))!;
    expect(bandOf('three (3 seeds)')).toContain('class="band"');
    expect(bandOf('two (2 seeds, no band)')).not.toContain('class="band"');
    expect(bandOf('one (1 seed, band over records)')).toContain('class="band"');
    expect(curvesFigure([], 'exact_match')).toBeUndefined();
    expect(svg).toContain('Held-out exact_match while training');
  });

  it('are a table too', () => {
    expect(curvesTable(curves)).toEqual([
      ['step', 'three, 3 seeds', 'two, 2 seeds', 'one, 1 seed: records only'],
      ['0', '0.0 (0.0 to 7.1)', '0.0 (0.0 to 7.1)', '0.0 (0.0 to 7.1)'],
      ['10', '20.0 (0.0 to 44.8)', '20.0 (0.0 to 100.0)', '26.0 (15.9 to 39.6)'],
    ]);
  });

  it('leave out steps at which only some runs were evaluated: the others may have ended for a reason', () => {
    const uneven = [course('a', 1, { 0: 0, 10: 0.2, 20: 0.4 }), course('a', 2, { 0: 0, 10: 0.3 })];
    expect(curvesOf(uneven, ['a'])[0].points.map(({ step }) => step)).toEqual([0, 10]);
  });
});

describe('the curve of a run', () => {
  it('has a band even if nothing was right', () => {
    const svg = learningCurve(evaluations({ 0: 0, 10: 0 }))!;
    const ends = [...svg.match(/class="band" d="([^"]+)"/)![1].matchAll(/ (-?[\d.]+)/g)].map(([, y]) => Number(y));
    expect(new Set(ends).size).toBe(2);
    expect(svg).toContain('held out, 50 questions, 95% interval over them');
  });
});

describe('a run whose outcome is not exact match', () => {
  const byF1 = [0, 10].map((step) => {
    const scores = { exact_match: 0, f1: 0.25 + step / 100, sub_exact_match: 0 };
    return { kind: 'evaluation', step, metric: 'f1', score: scores.f1, ...scores, questions: 8 } as EvaluationMetrics;
  });
  const training = { kind: 'step', step: 5, reward: 0.3, exact_match: 0 } as MetricsLine;

  it('has a curve of its metric, under its name', () => {
    const svg = learningCurve([...byF1, training])!;
    expect(svg).toContain('>f1<');
    expect(svg).not.toContain('exact');
    // The outcome of the training rollouts, 0.3, lies halfway between 0.25 and 0.35.
    const [before, after, between] = [...svg.matchAll(/cy="([\d.]+)"/g)].map(([, y]) => Number(y));
    expect(between).toBeCloseTo((before + after) / 2, 1);
  });

  it('is compared by that metric if both have it, otherwise by exact match', () => {
    expect(commonMetric([byF1, byF1])).toBe('f1');
    expect(courseOf({ method: 'a', seed: 1 }, byF1).evaluations.map(({ score }) => score)).toEqual([0.25, 0.35]);
    expect(commonMetric([byF1, evaluations({ 0: 0 })])).toBe('exact_match');
    expect(courseOf({ method: 'a', seed: 1 }, byF1, 'exact_match').evaluations.map(({ score }) => score)).toEqual([
      0, 0,
    ]);
  });

  it('that an earlier version started by exact match leaves out unknown scores of its first evaluations', () => {
    const [first, second] = byF1;
    const begun = [
      { ...first, metric: 'exact_match', score: 0 },
      { ...second, metric: 'rouge_l', score: 0.5 },
    ];
    const found = courseOf({ method: 'a', seed: 1 }, begun as EvaluationMetrics[]);
    expect(found.evaluations.map(({ step, score }) => [step, score])).toEqual([[10, 0.5]]);
  });
});
