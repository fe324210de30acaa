/** The sweeps of a comparison: a table with a column for each swept setting, and scores by the values of one. */
import type { CompareConfig, CompareMethod } from '../run/comparison-config.js';
import { type SweptValue, valueText } from '../run/sweep.js';
import { absentText, type Comparison, type Entry, entries, seedsText } from './comparison.js';
import { differenceText, scoreText } from './differences.js';
import { type PlotPoint, plotLines } from './plot/plot-lines.js';

type Config = Pick<CompareConfig, 'methods' | 'baseline'>;

/** "reward.alpha" */
const nameOf = ({ path }: Pick<SweptValue, 'path'>) => path.join('.');

const sweptValue = ({ variant }: CompareMethod, setting: string): SweptValue | undefined =>
  variant?.values.find((value) => nameOf(value) === setting);

/** Names of all swept settings, in the order of the file. */
function settingsOf({ methods }: Config): string[] {
  return [...new Set(methods.flatMap(({ variant }) => variant?.values.map(nameOf) ?? []))];
}

/**
 * Rows: header, then each combination of a sweep, and the baseline. Undefined without a sweep.
 * @param reasons by method, why it has no score or not all of them
 */
export function sweepTable(
  config: Config,
  comparison: Comparison,
  reasons: ReadonlyMap<string, string>,
): string[][] | undefined {
  const settings = settingsOf(config);
  if (settings.length === 0) return undefined;
  const { baseline } = config;
  const { benchmarks } = comparison;
  const rows = config.methods.filter(({ name, variant }) => variant !== undefined || name === baseline);
  const all = entries(
    comparison,
    rows.map(({ name }) => name),
    baseline,
  );
  const head = [
    ...['method', ...settings, 'seeds'],
    ...benchmarks.flatMap((name) => [name, `${name}: against ${baseline}`]),
    'failed because',
  ];
  const body = rows.map((method) => {
    const { name, variant } = method;
    const scores = all
      .filter((entry) => entry.method === name)
      .flatMap(({ benchmark, score, difference }) => [
        score ? scoreText(score) : absentText(comparison, name, benchmark),
        difference ? differenceText(difference) : '',
      ]);
    const values = settings.map((setting) => {
      const swept = sweptValue(method, setting);
      return swept ? valueText(swept.value) : '';
    });
    return [variant?.of ?? name, ...values, seedsText(comparison, name), ...scores, reasons.get(name) ?? ''];
  });
  return [head, ...body];
}

/**
 * Scores by the values of one swept setting: the first with numbers, or else the first with several values. A line for
 * each benchmark, method and combination of the other settings; the baseline is level. Undefined without a score.
 */
export function sweepFigure(config: Config, comparison: Comparison): string | undefined {
  const axis = axisOf(config);
  if (axis === undefined) return undefined;
  const { methods, baseline } = config;
  const scores = entries(
    comparison,
    methods.map(({ name }) => name),
    baseline,
  );
  const lines = new Map<string, PlotPoint[]>();
  for (const { name, variant } of methods) {
    const swept = variant?.values.find((value) => nameOf(value) === axis.setting);
    const others = variant?.values.filter((value) => value !== swept) ?? [];
    if (!swept && name !== baseline) continue;
    const label = [variant?.of ?? name, ...others.map(({ label, value }) => `${label}=${valueText(value)}`)].join(' ');
    const xs = swept ? [axis.place(swept.value)] : axis.ends;
    for (const entry of scores.filter(({ method }) => method === name)) {
      const series = comparison.benchmarks.length > 1 ? `${label}, ${entry.benchmark}` : label;
      const points = lines.get(series) ?? [];
      for (const x of xs) points.push(pointOf(entry, x, swept !== undefined));
      lines.set(series, points);
    }
  }
  const series = [...lines].map(([name, points]) => ({ name, points, markers: true }));
  if (!series.some(({ points }) => points.some(({ y }) => Number.isFinite(y)))) return undefined;
  return plotLines({
    title: 'Mean and 95 % interval over seeds and records',
    xLabel: axis.label,
    yLabel: 'score, percent',
    series,
    xTicks: axis.ticks,
    height: 420 + 20 * Math.ceil(series.length / 2),
  });
}

/** A failed combination is a gap. */
function pointOf({ score }: Entry, x: number, banded: boolean): PlotPoint {
  if (score === undefined) return { x, y: Number.NaN };
  const { mean, low, high } = score.interval;
  return banded ? { x, y: 100 * mean, low: 100 * low, high: 100 * high } : { x, y: 100 * mean };
}

interface Axis {
  setting: string;
  label: string;
  place: (value: unknown) => number;
  ends: [number, number];
  ticks: { x: number; text: string }[];
}

/** From this ratio of the largest to the smallest value on, values that are all positive stand by their logarithms. */
const LOGARITHMIC = 8;
/** Marks nearer than this share of the axis would cover each other. */
const APART = 0.05;

function axisOf(config: Config): Axis | undefined {
  const swept = settingsOf(config).map((setting) => {
    const values = new Map<string, unknown>();
    for (const method of config.methods) {
      const found = sweptValue(method, setting);
      if (found) values.set(JSON.stringify(found.value), found.value);
    }
    return { setting, values: [...values.values()] };
  });
  const several = swept.filter(({ values }) => values.length > 1);
  const isNumeric = ({ values }: { values: unknown[] }) => values.every((value) => typeof value === 'number');
  const chosen = several.find(isNumeric) ?? several[0] ?? swept[0];
  if (chosen === undefined) return undefined;
  const { setting, values } = chosen;
  if (!isNumeric(chosen)) {
    const texts = values.map((value) => JSON.stringify(value));
    const ticks = values.map((value, x) => ({ x, text: valueText(value) }));
    const place = (value: unknown) => texts.indexOf(JSON.stringify(value));
    return { setting, label: setting, place, ends: [0, values.length - 1], ticks };
  }
  const numbers = [...(values as number[])].sort((a, b) => a - b);
  const [least, most] = [numbers[0], numbers[numbers.length - 1]];
  const isLogarithmic = least > 0 && most / least >= LOGARITHMIC;
  const place = (value: unknown) => (isLogarithmic ? Math.log10(value as number) : (value as number));
  const ends: [number, number] = [place(least), place(most)];
  const ticks: Axis['ticks'] = [];
  for (const value of numbers) {
    const x = place(value);
    const before = ticks.at(-1);
    if (before === undefined || x - before.x >= APART * (ends[1] - ends[0])) ticks.push({ x, text: String(value) });
  }
  return { setting, label: isLogarithmic ? `${setting} (logarithmic)` : setting, place, ends, ticks };
}

/** For `--json`: what each combination is made of, by its name in the results. */
export function sweepSummary({ methods }: Config): Record<string, { method: string; settings: object }> {
  return Object.fromEntries(
    methods.flatMap(({ name, variant }) => {
      if (variant === undefined) return [];
      const settings = Object.fromEntries(variant.values.map((value) => [nameOf(value), value.value]));
      return [[name, { method: variant.of, settings }]];
    }),
  );
}
