import { describe, expect, it } from 'vitest';
import { wilsonInterval } from '../eval/crossed.js';
import type { EvaluationMetrics } from '../train/metrics.js';
import { courseOf } from './budgets.js';
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
    const svg = curvesFigure(curves)!;
    const bandOf = (name: string) => svg.split('<g><title>').find((part) => part.startsWith(name))!;
    expect(bandOf('three (3 seeds)')).toContain('class="band"');
    expect(bandOf('two (2 seeds, no band)')).not.toContain('class="band"');
    expect(bandOf('one (1 seed, band over records)')).toContain('class="band"');
    expect(curvesFigure([])).toBeUndefined();
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
  it('has a band where nothing was right', () => {
    const svg = learningCurve(evaluations({ 0: 0, 10: 0 }))!;
    const ends = [...svg.match(/class="band" d="([^"]+)"/)![1].matchAll(/ (-?[\d.]+)/g)].map(([, y]) => Number(y));
    expect(new Set(ends).size).toBe(2);
    expect(svg).toContain('held out, 50 questions, 95% interval over them');
  });
});
