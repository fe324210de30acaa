/**
 * Trainings against each other at equal steps, equal tokens and equal time: by what each run had reached when it had
 * used as much as the smallest run used in all. A budget that a run used up between two evaluations takes its score
 * from the straight line between them.
 */
import { count, duration } from '../base/format.js';
import { meanDifferenceEstimate, meanScoreInterval } from '../eval/crossed.js';
import type { MetricsLine } from '../train/metrics.js';
import {
  type Difference,
  differenceText,
  type Measured,
  type Score,
  scoreText,
  seedCount,
  tested,
} from './differences.js';
import { evaluationsOf, metricOf, type StepLine, scoreBy, stepsOf } from './summary.js';

/** What a training had used up to the end of a step. */
export interface Cost {
  step: number;
  /** Prompt, sampled, scored and trained. */
  tokens: number;
  /** Of its steps; evaluations are not counted. */
  seconds: number;
}

/** A held-out evaluation while training, with what had been used by then. */
export interface HeldOutScore extends Cost {
  /** By the metric that all courses of a comparison share. */
  score: number;
  questions: number;
}

/** A training from its start to its end. */
export interface Course {
  method: string;
  seed: number;
  /** After each step, step by step. */
  costs: readonly Cost[];
  evaluations: readonly HeldOutScore[];
}

export const BUDGETS = ['step', 'tokens', 'seconds'] as const;
export type Budget = (typeof BUDGETS)[number];

/** A method at a budget. */
export interface BudgetEntry {
  method: string;
  budget: Budget;
  /** Runs of the method. */
  seeds: number;
  /** Absent if a run of the method has no evaluation within the budget. */
  score?: Score;
  /** Steps at which the budget was used up, with fractions: the earliest and the latest over seeds. */
  steps?: readonly [number, number];
  /** Scores of at least one run are interpolated between two evaluations. */
  interpolated?: boolean;
  /** Absent for the reference method, and if one of the two has no score or they have no seed in common. */
  difference?: Difference;
}

export interface BudgetComparison {
  /** The most that every run has used. */
  limits: Readonly<Record<Budget, number>>;
  entries: BudgetEntry[];
  /** What is missing or rests on the untrained model, one sentence each, with the setting that mends it. */
  problems: string[];
}

const tokensOf = ({ tokens }: StepLine) => tokens.prompt + tokens.sampled + tokens.scored + tokens.trained;
const secondsOf = ({ seconds }: StepLine) => Object.values(seconds).reduce((a, b) => a + b, 0);

/** The metric that trainings can be compared by: the one that all of their outcomes have, or else exact match. */
export function commonMetric(trainings: readonly (readonly MetricsLine[])[]): string {
  const [metric = 'exact_match', ...others] = new Set(trainings.map(metricOf));
  return others.length === 0 ? metric : 'exact_match';
}

/** The course of a training from its metrics.jsonl, with the scores by `metric`. */
export function courseOf(
  run: Pick<Course, 'method' | 'seed'>,
  metrics: readonly MetricsLine[],
  metric = metricOf(metrics),
): Course {
  const { method, seed } = run;
  let used: Cost = { step: 0, tokens: 0, seconds: 0 };
  const costs = stepsOf(metrics).map((line) => {
    used = { step: line.step, tokens: used.tokens + tokensOf(line), seconds: used.seconds + secondsOf(line) };
    return used;
  });
  const evaluations = evaluationsOf(metrics).flatMap((evaluation): HeldOutScore[] => {
    const { step, questions } = evaluation;
    const score = scoreBy(evaluation, metric);
    const cost = costs.find((one) => one.step === step) ?? { step, tokens: 0, seconds: 0 };
    return score === undefined ? [] : [{ ...cost, score, questions }];
  });
  return { method, seed, costs, evaluations };
}

/** All methods that are trained, at the budgets that every run of theirs has used; undefined without any step. */
export function atEqualBudgets(
  courses: readonly Course[],
  methods: readonly string[],
  against: string,
): BudgetComparison | undefined {
  const ends = courses.flatMap(({ costs }) => costs.at(-1) ?? []);
  if (ends.length === 0) return undefined;
  const least = (budget: Budget) => ends.reduce((most, end) => Math.min(most, end[budget]), Number.POSITIVE_INFINITY);
  const limits = { step: least('step'), tokens: least('tokens'), seconds: least('seconds') };
  const problems: string[] = [];
  const trained = methods.filter((method) => courses.some((course) => course.method === method));
  const places = trained.flatMap((method) => BUDGETS.map((budget) => ({ method, budget })));
  const held = places.map(({ method, budget }): SeedScore[] => {
    const own = courses.filter((course) => course.method === method);
    const scores = own.flatMap((course) => reachedBy(course, budget, limits[budget]) ?? []);
    if (scores.length === own.length) return scores;
    const missing = own.filter(({ seed }) => scores.every((score) => score.seed !== seed));
    problems.push(problemOf(missing, budget, limits[budget]));
    return [];
  });
  problems.push(...fromUntrained(courses, places, held, limits));
  const differences = tested(
    places.map(({ method, budget }, at) => {
      const reference = places.findIndex((place) => place.method === against && place.budget === budget);
      return method === against || reference < 0 ? undefined : measuredDifference(held[at], held[reference]);
    }),
  );
  const entries = places.map((place, at): BudgetEntry => {
    const seeds = courses.filter(({ method }) => method === place.method).length;
    if (held[at].length === 0) return { ...place, seeds };
    const steps = held[at].map(({ step }) => step);
    const range = [Math.min(...steps), Math.max(...steps)] as const;
    const interpolated = held[at].some(({ from }) => from !== undefined);
    return { ...place, seeds, score: scoreOf(held[at]), steps: range, interpolated, difference: differences[at] };
  });
  return { limits, entries, problems };
}

/** `from`: if the score is interpolated, the step of the evaluation before it; 0 is the untrained model. */
type SeedScore = HeldOutScore & { seed: number; from?: number };

/**
 * The score at the limit: of the evaluation at that very place, or on the line between those before and after it. A run
 * without an evaluation after it has the last one before. Undefined if not even a step fits in, or nothing was
 * evaluated.
 */
function reachedBy(course: Course, budget: Budget, limit: number): SeedScore | undefined {
  const { seed, evaluations } = course;
  if (stepsWithin(course, budget, limit) === 0) return undefined;
  const before = evaluations.findLast((one) => one[budget] <= limit);
  const after = evaluations.find((one) => one[budget] > limit);
  if (before === undefined || (after === undefined && before.step === 0)) return undefined;
  if (after === undefined || before[budget] === limit) return { seed, ...before };
  const share = (limit - before[budget]) / (after[budget] - before[budget]);
  const between = (key: 'step' | 'tokens' | 'seconds' | 'score') => before[key] + share * (after[key] - before[key]);
  return {
    seed,
    step: between('step'),
    tokens: between('tokens'),
    seconds: between('seconds'),
    score: between('score'),
    questions: Math.min(before.questions, after.questions),
    from: before.step,
  };
}

/** Steps that a run had done when it had used the limit up. */
const stepsWithin = ({ costs }: Course, budget: Budget, limit: number): number =>
  costs.findLast((one) => one[budget] <= limit)?.step ?? 0;

/** Where the line begins at the untrained model, a sentence for each budget: which evaluations would come nearer. */
function fromUntrained(
  courses: readonly Course[],
  places: readonly { method: string; budget: Budget }[],
  held: readonly (readonly SeedScore[])[],
  limits: BudgetComparison['limits'],
): string[] {
  return BUDGETS.flatMap((budget) => {
    const methods = places.flatMap((place, at) =>
      place.budget === budget && held[at].some(({ from }) => from === 0) ? place.method : [],
    );
    if (methods.length === 0) return [];
    const own = courses.filter(({ method }) => methods.includes(method));
    const steps = Math.min(...own.map((course) => stepsWithin(course, budget, limits[budget])));
    return `${methods.join(', ')}: the score at equal ${USED[budget]} lies on the line from the untrained model to the first evaluation. Train with evaluation.every: ${steps}, or less.`;
  });
}

const USED: Record<Budget, string> = { step: 'steps', tokens: 'tokens', seconds: 'seconds' };

/** Why runs of a method have no score within the limit, and what gives one. */
function problemOf(missing: readonly Course[], budget: Budget, limit: number): string {
  const seeds = missing.map(({ seed }) => seed).join(', ');
  const runs = `${missing[0].method}, ${missing.length === 1 ? 'seed' : 'seeds'} ${seeds}`;
  const used = USED[budget];
  const steps = Math.min(...missing.map((course) => stepsWithin(course, budget, limit)));
  if (steps === 0) return `${runs}: the first step uses more ${used} than another run in all. Train for more steps.`;
  return `${runs}: not evaluated after steps 1 to ${steps}, which use the ${used} that every run has. Train with evaluation.every: ${steps}, or less.`;
}

function scoreOf(runs: readonly SeedScore[]): Score {
  const interval = meanScoreInterval(
    runs.map(({ score }) => score),
    questionsOf(runs),
  );
  return { interval, recordsOnly: runs.length === 1 };
}

/** Paired by seed. */
function measuredDifference(own: readonly SeedScore[], other: readonly SeedScore[]): Measured | undefined {
  const pairs = own.flatMap((run) => {
    const partner = other.find(({ seed }) => seed === run.seed);
    return partner === undefined ? [] : [[run, partner] as const];
  });
  if (pairs.length === 0) return undefined;
  const estimate = meanDifferenceEstimate(
    pairs.map(([run]) => run.score),
    pairs.map(([, partner]) => partner.score),
    questionsOf(pairs.flat()),
  );
  const isPartial = pairs.length < Math.max(own.length, other.length);
  return { estimate, trained: true, ...(isPartial ? { note: `${seedCount(pairs.length)} in common` } : {}) };
}

function questionsOf(runs: readonly HeldOutScore[]): number {
  return Math.min(...runs.map(({ questions }) => questions));
}

/**
 * Rows: header, then a method each. For every budget the held-out score, the steps that it allowed (with "≈" where the
 * score is interpolated), and the difference from `against`, unless that is not trained.
 */
export function budgetTable({ limits, entries }: BudgetComparison, against: string): string[][] {
  const methods = [...new Set(entries.map(({ method }) => method))];
  const hasReference = methods.includes(against);
  const names: Record<Budget, string> = {
    step: `${count(limits.step)} ${limits.step === 1 ? 'step' : 'steps'}`,
    tokens: `${count(limits.tokens / 1000)} kT`,
    seconds: duration(limits.seconds),
  };
  const head = BUDGETS.flatMap((budget) => {
    const name = names[budget];
    return [name, ...(hasReference ? [`${name}: against ${against}`] : [])];
  });
  const rows = methods.map((method) => {
    const own = entries.filter((entry) => entry.method === method);
    const cells = own.flatMap((entry) => cellsOf(entry, against).slice(0, hasReference ? 2 : 1));
    return [method, String(own[0].seeds), ...cells];
  });
  return [['method', 'seeds', ...head], ...rows];
}

function cellsOf({ method, score, steps, interpolated, difference }: BudgetEntry, against: string): string[] {
  if (score === undefined || steps === undefined) return ['not evaluated', 'not evaluated'];
  const [first, last] = steps.map((step) => step.toFixed(interpolated ? 1 : 0));
  const when = `${interpolated ? '≈ ' : ''}${first === last ? `step ${first}` : `steps ${first} to ${last}`}`;
  const text = `${scoreText(score)}, ${when}`;
  if (method === against) return [text, ''];
  return [text, difference === undefined ? 'not evaluated, or no seed in common' : differenceText(difference)];
}
