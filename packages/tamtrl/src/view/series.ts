/** The numbers of a run by step, as columns, and what is drawn of them: means over steps, of one run or of several. */
import { crossedEstimate, LEAST_SEEDS, meanScoreInterval } from '../eval/crossed.js';
import type { Interval } from '../eval/statistics.js';
import { metricOf } from '../report/summary.js';
import type { EvaluationMetrics, MetricsLine } from '../train/metrics.js';
import type { Band, CurveSet } from './types.js';

/** Steps and evaluations of a run. */
export interface RunNumbers {
  id: string;
  seed: number;
  lines: readonly MetricsLine[];
}

/** Points that a line is drawn with. */
export const POINTS = 500;

const BY_TURN = ['memory_tokens_by_turn', 'turn_reward_by_turn'] as const;
const SHARES = ['score', 'exact_match', 'f1', 'sub_exact_match', 'teacher_score', 'teacher_exact_match'] as const;

/** Steps that one point stands for, so that the longest of the runs has `POINTS` points. */
export function widthFor(runs: readonly RunNumbers[]): number {
  const longest = runs.reduce((most, { lines }) => Math.max(most, lastStep(lines)), 0);
  return Math.max(1, Math.ceil(longest / POINTS));
}

function lastStep(lines: readonly MetricsLine[]): number {
  return lines.reduce((last, { step }) => Math.max(last, step), 0);
}

/** A run by means over `width` steps. */
export function curveSet(label: string, run: RunNumbers, width: number): CurveSet {
  const buckets = bucketed(run.lines, width);
  const columns: Record<string, Band> = {};
  buckets.forEach(({ numbers }, at) => {
    for (const [name, values] of numbers) {
      columns[name] ??= emptyBand(buckets.length, width > 1);
      const { mean, low, high } = columns[name];
      mean[at] = rounded(average(values));
      if (low && high) [low[at], high[at]] = [rounded(Math.min(...values)), rounded(Math.max(...values))];
    }
  });
  const evaluations = run.lines.filter((line) => line.kind === 'evaluation');
  return {
    label,
    runs: [run.id],
    seeds: [run.seed],
    width,
    steps: buckets.map(({ step }) => step),
    columns,
    evaluations: evaluations.map((line) => ({
      step: line.step,
      metrics: Object.fromEntries(
        sharesOf(line).map(([name, value]) => [name, meanScoreInterval([value], line.questions)]),
      ),
    })),
    metric: metricOf(run.lines),
    byTurn: Object.fromEntries(
      BY_TURN.map((name) => [name, buckets.map(({ byTurn }) => (byTurn.get(name) ?? []).map(rounded))]),
    ),
  };
}

/** Runs that differ in their seeds, as one: means over seeds with their spread. */
export function seedBand(label: string, sets: readonly CurveSet[]): CurveSet {
  const [first] = sets;
  const steps = [...new Set(sets.flatMap((set) => set.steps))].sort((a, b) => a - b);
  const names = [...new Set(sets.flatMap(({ columns }) => Object.keys(columns)))];
  const places = sets.map((set) => new Map(set.steps.map((step, at) => [step, at])));
  const columns: Record<string, Band> = {};
  for (const name of names) {
    const band = emptyBand(steps.length, true);
    steps.forEach((step, at) => {
      const values = sets.flatMap((set, s) => {
        const place = places[s].get(step);
        return place === undefined ? [] : (set.columns[name]?.mean[place] ?? []);
      });
      if (values.length === 0) return;
      const { mean, low, high } = spreadOf(values);
      [band.mean[at], band.low![at], band.high![at]] = [rounded(mean), rounded(low), rounded(high)];
    });
    columns[name] = band;
  }
  const evaluated = first.evaluations.filter(({ step }) =>
    sets.every(({ evaluations }) => evaluations.some((one) => one.step === step)),
  );
  return {
    ...first,
    label,
    runs: sets.flatMap(({ runs }) => runs),
    seeds: sets.flatMap(({ seeds }) => seeds),
    steps,
    columns,
    evaluations: evaluated.map(({ step, metrics }) => {
      const own = sets.map(({ evaluations }) => evaluations.find((one) => one.step === step)!.metrics);
      const of = (name: string) => own.flatMap((found) => found[name]?.mean ?? []);
      return {
        step,
        metrics: Object.fromEntries(Object.keys(metrics).map((name) => [name, spreadOf(of(name))])),
      };
    }),
    byTurn: Object.fromEntries(BY_TURN.map((name) => [name, steps.map((_, at) => turnMeans(sets, name, at))])),
  };
}

function turnMeans(sets: readonly CurveSet[], name: string, at: number): (number | null)[] {
  const rows = sets.map(({ byTurn }) => byTurn[name]?.[at] ?? []);
  const longest = Math.max(0, ...rows.map(({ length }) => length));
  return Array.from({ length: longest }, (_, turn) => rounded(average(rows.flatMap((row) => row[turn] ?? []))));
}

/** Student's interval from three seeds on; of fewer, the seeds themselves. */
function spreadOf(values: readonly number[]): Interval {
  if (values.length >= LEAST_SEEDS) {
    const { mean, low, high } = crossedEstimate(values.map((value) => [value]));
    return { mean, low, high };
  }
  return { mean: average(values), low: Math.min(...values), high: Math.max(...values) };
}

interface Bucket {
  step: number;
  numbers: Map<string, number[]>;
  byTurn: Map<string, number[]>;
}

function bucketed(lines: readonly MetricsLine[], width: number): Bucket[] {
  const buckets = new Map<number, Bucket>();
  for (const line of lines) {
    if (line.kind === 'evaluation') continue;
    const step = Math.ceil(line.step / width) * width;
    let bucket = buckets.get(step);
    if (!bucket) {
      bucket = { step, numbers: new Map(), byTurn: new Map() };
      buckets.set(step, bucket);
    }
    addNumbers(line, '', bucket);
  }
  return [...buckets.values()].sort((a, b) => a.step - b.step);
}

/** Every number of a line under its path, such as `seconds.rollout`. */
function addNumbers(value: object, path: string, bucket: Bucket): void {
  for (const [key, own] of Object.entries(value)) {
    const name = path === '' ? key : `${path}.${key}`;
    if (typeof own === 'number') {
      if (name === 'step') continue;
      const known = bucket.numbers.get(name);
      if (known) known.push(own);
      else bucket.numbers.set(name, [own]);
    } else if (Array.isArray(own)) {
      // The last of the steps: means over turns that some steps do not have would say nothing.
      bucket.byTurn.set(
        name,
        own.filter((each) => typeof each === 'number'),
      );
    } else if (typeof own === 'object' && own !== null) addNumbers(own, name, bucket);
  }
}

function sharesOf(line: EvaluationMetrics): [string, number][] {
  return SHARES.flatMap((name): [string, number][] => {
    const value = line[name];
    return typeof value === 'number' && Number.isFinite(value) ? [[name, value]] : [];
  });
}

function emptyBand(length: number, spread: boolean): Band {
  const none = () => new Array<number | null>(length).fill(null);
  return spread ? { mean: none(), low: none(), high: none() } : { mean: none() };
}

function average(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : values.reduce((a, b) => a + b, 0) / values.length;
}

/** To what can be told apart in a drawing. */
function rounded(value: number): number | null {
  return Number.isFinite(value) ? Number(value.toPrecision(6)) : null;
}
