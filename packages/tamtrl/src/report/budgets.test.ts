import { describe, expect, it } from 'vitest';
import type { EvaluationMetrics, MetricsLine, StepMetrics } from '../train/metrics.js';
import { atEqualBudgets, BUDGETS, budgetTable, type Course, courseOf } from './budgets.js';

/** A run whose every step takes so many tokens and seconds, evaluated after the steps that `scores` names. */
function course(
  method: string,
  seed: number,
  each: { tokens: number; seconds: number },
  scores: Record<number, number>,
): Course {
  const last = Math.max(...Object.keys(scores).map(Number));
  const metrics = Array.from({ length: last + 1 }, (_, step): MetricsLine[] => {
    const own = {
      prompt: each.tokens / 4,
      sampled: each.tokens / 4,
      scored: each.tokens / 4,
      trained: each.tokens / 4,
    };
    const seconds = { rollout: each.seconds / 2, train: each.seconds / 2 };
    const line = { kind: 'step', step, tokens: own, seconds } as StepMetrics;
    const evaluation = { kind: 'evaluation', step, exact_match: scores[step], questions: 100, seconds: 1000 };
    return [...(step > 0 ? [line] : []), ...(step in scores ? [evaluation as EvaluationMetrics] : [])];
  });
  return courseOf({ method, seed }, metrics.flat());
}

const seeds = [1, 2, 3];
const cheap = { tokens: 1000, seconds: 4 };
const dear = { tokens: 2000, seconds: 5 };
const courses = seeds.flatMap((seed) => [
  course('outcome', seed, cheap, { 0: 0.05, 10: 0.2 + seed / 100, 20: 0.3, 30: 0.4 + seed / 100 }),
  course('turns', seed, dear, { 0: 0.05, 10: 0.3, 20: 0.4 + seed / 50, 30: 0.5 }),
]);

describe('courseOf', () => {
  it('adds up tokens and seconds of the steps before each evaluation, whose own seconds do not count', () => {
    const [first] = courses;
    expect(first.evaluations.map(({ step, tokens, seconds }) => [step, tokens, seconds])).toEqual([
      [0, 0, 0],
      [10, 10_000, 40],
      [20, 20_000, 80],
      [30, 30_000, 120],
    ]);
  });
});

describe('atEqualBudgets', () => {
  it('takes the score at the budget that all runs reached, on the line between two evaluations', () => {
    const { limits, entries, problems } = atEqualBudgets(courses, ['outcome', 'turns'], 'outcome')!;
    expect(limits).toEqual({ step: 30, tokens: 30_000, seconds: 120 });
    expect(problems).toEqual([]);
    const turns = entries.filter(({ method }) => method === 'turns');
    // 15 of its 30 steps take 30,000 tokens, 24 take 120 seconds.
    expect(turns.map(({ budget, steps, interpolated }) => [budget, steps, interpolated])).toEqual([
      ['step', [30, 30], false],
      ['tokens', [15, 15], true],
      ['seconds', [24, 24], true],
    ]);
    // Half way from 0.3 to 0.44, and two fifths of the way from there to 0.5, on average over the seeds.
    const close = [0.5, 0.37, 0.464].map((value) => expect.closeTo(value, 12));
    expect(turns.map(({ score }) => score?.interval.mean)).toEqual(close);
    const [, atTokens, atSeconds] = turns.map(({ difference }) => difference!);
    expect(atTokens.estimate).toMatchObject({ mean: expect.closeTo(-0.05, 12), seeds: 3, records: 100 });
    // Seeds: 0.452 - 0.41, 0.464 - 0.42, 0.476 - 0.43: Student's t over them. One of the table's three p is smaller.
    expect(atSeconds.estimate.mean).toBeCloseTo(0.044, 12);
    expect(atSeconds.estimate.p).toBeCloseTo(1 - Math.sqrt(1452 / 1454), 8);
    expect(atSeconds.p).toBeCloseTo(2 * atSeconds.estimate.p!, 12);
  });

  it('takes an evaluation at the very budget as it is, and the last one of a run that was not evaluated after it', () => {
    const exact = course('b', 1, dear, { 0: 0, 10: 0.25, 20: 0.9 });
    const shortest = course('a', 1, cheap, { 0: 0, 20: 0.3 });
    const entry = (courses: Course[]) => atEqualBudgets(courses, ['a', 'b'], 'a')!.entries[4];
    expect(entry([shortest, exact])).toMatchObject({
      budget: 'tokens',
      steps: [10, 10],
      interpolated: false,
      score: { interval: { mean: 0.25 } },
    });
    const cut = { ...exact, evaluations: exact.evaluations.filter(({ step }) => step < 10) };
    const early = { ...cut, evaluations: [...cut.evaluations, { ...exact.evaluations[1], step: 8, tokens: 16_000 }] };
    expect(entry([shortest, early])).toMatchObject({ steps: [8, 8], interpolated: false });
  });

  it('says which setting measures more where a line begins at the untrained model, or where nothing is', () => {
    const atEnd = [
      ...courses.filter(({ method }) => method === 'outcome'),
      ...seeds.map((seed) => course('turns', seed, dear, { 0: 0.05, 30: 0.5 })),
    ];
    const comparison = atEqualBudgets(atEnd, ['outcome', 'turns'], 'outcome')!;
    expect(comparison.problems).toEqual([
      'turns: the score at equal tokens lies on the line from the untrained model to the first evaluation. Train with evaluation.every: 15, or less.',
      'turns: the score at equal seconds lies on the line from the untrained model to the first evaluation. Train with evaluation.every: 24, or less.',
    ]);
    const [, , row] = budgetTable(comparison, 'outcome');
    expect(row[2]).toMatch(/^50\.0 \(.*\), step 30$/);
    expect(row[4]).toMatch(/^27\.5 \(.*\), ≈ step 15\.0$/);
    const first = atEnd.map((each) =>
      each.method === 'turns' ? { ...each, evaluations: each.evaluations.slice(0, 1) } : each,
    );
    const missing = atEqualBudgets(first, ['outcome', 'turns'], 'outcome')!;
    expect(missing.problems).toHaveLength(3);
    expect(missing.problems[1]).toBe(
      'turns, seeds 1, 2, 3: not evaluated after steps 1 to 15, which use the tokens that every run has. Train with evaluation.every: 15, or less.',
    );
    expect(budgetTable(missing, 'outcome')[2].slice(2)).toEqual(new Array(6).fill('not evaluated'));
    const short = [course('a', 1, cheap, { 0: 0, 1: 0.1 }), course('b', 1, dear, { 0: 0, 1: 0.1 })];
    expect(atEqualBudgets(short, ['a', 'b'], 'a')!.problems[0]).toBe(
      'b, seed 1: the first step uses more tokens than another run in all. Train for more steps.',
    );
  });

  it('tests nothing with fewer than three seeds, and takes a single run by its records', () => {
    const two = courses.filter(({ seed }) => seed < 3);
    const difference = (list: Course[]) => atEqualBudgets(list, ['outcome', 'turns'], 'outcome')!.entries.at(-1)!;
    expect(difference(two).difference).toMatchObject({ untested: '2 seeds: no p' });
    const one = difference(courses.filter(({ seed }) => seed === 1));
    expect(one).toMatchObject({ score: { recordsOnly: true }, difference: { untested: 'records only, 1 seed: no p' } });
    expect(one.score!.interval.low).toBeLessThan(0.37);
    expect(one.difference!.estimate.low).toBeLessThan(-0.09);
  });

  it('compares nothing with a reference that is not trained, or without any step', () => {
    const comparison = atEqualBudgets(courses, ['untrained', 'outcome', 'turns'], 'untrained')!;
    expect(comparison.entries.every(({ difference }) => difference === undefined)).toBe(true);
    expect(budgetTable(comparison, 'untrained')[0]).toEqual(['method', 'seeds', '30 steps', '30 kT', '2 min 0 s']);
    expect(atEqualBudgets([], ['untrained'], 'untrained')).toBeUndefined();
  });

  it('compares only common seeds', () => {
    const list = courses.filter(({ method, seed }) => method === 'outcome' || seed > 1);
    const comparison = atEqualBudgets(list, ['outcome', 'turns'], 'outcome')!;
    expect(comparison.entries.at(-1)!.difference).toMatchObject({
      note: '2 seeds in common',
      untested: '2 seeds: no p',
    });
  });
});

describe('budgetTable', () => {
  it('has score, step and difference for each budget', () => {
    const rows = budgetTable(atEqualBudgets(courses, ['outcome', 'turns'], 'outcome')!, 'outcome');
    const names = ['30 steps', '30 kT', '2 min 0 s'];
    expect(rows[0]).toEqual(['method', 'seeds', ...names.flatMap((name) => [name, `${name}: against outcome`])]);
    expect(rows[1].slice(0, 4)).toEqual(['outcome', '3', '42.0 (39.5 to 44.5), step 30', '']);
    expect(rows[2][4]).toMatch(/^37\.0 \(.*\), ≈ step 15\.0$/);
    expect(rows[2][7]).toMatch(/^\+4\.4 \(3\.9 to 4\.9; p = 0\.\d{3}\)$/);
    expect(rows[0].length).toBe(2 + 2 * BUDGETS.length);
  });
});
