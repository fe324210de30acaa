/** Methods against each other: the tables of a comparison, from what its cells have measured. */
import { type Interval, mean, type PairedTest, pairedTest, studentInterval } from '../eval/statistics.js';

/** One method with one seed on one benchmark: a score a record, by the record's id. */
export interface Cell {
  method: string;
  seed: number;
  benchmark: string;
  scores: ReadonlyMap<string, number>;
  /** Seconds and tokens of a record, and its memory, on average. */
  seconds: number;
  tokens: number;
  memoryTokens: number;
}

/** Where a training run's time and tokens went. */
export interface TrainingCost {
  method: string;
  seed: number;
  seconds: Readonly<Record<string, number>>;
  tokens: Readonly<Record<string, number>>;
  /** Of the last step. */
  memoryTokens: number;
}

export interface Comparison {
  methods: readonly string[];
  benchmarks: readonly string[];
  /** Methods without randomness have one seed, which stands for all. */
  seeds: readonly number[];
  baseline: string;
  cells: readonly Cell[];
  training: readonly TrainingCost[];
}

export const NOT_RUN = 'not run';

const points = (value: number) => (100 * value).toFixed(1);

function cellsOf({ cells }: Comparison, method: string, benchmark?: string): Cell[] {
  return cells.filter((cell) => cell.method === method && (benchmark === undefined || cell.benchmark === benchmark));
}

export const cellMean = (cell: Cell): number => mean([...cell.scores.values()]);

/** "43.9 ± 2.5": mean and half of Student's 95 % interval over seeds; with one seed the mean alone. */
export function overSeeds(cells: readonly Cell[]): { text: string; interval?: Interval } {
  if (cells.length === 0) return { text: NOT_RUN };
  const interval = studentInterval(cells.map(cellMean));
  const text =
    cells.length === 1 ? points(interval.mean) : `${points(interval.mean)} ± ${points(interval.high - interval.mean)}`;
  return { text, interval };
}

/**
 * Difference of two methods on a benchmark, paired by record: for each record the mean over seeds of one minus that of
 * the other. Only records and seeds that both have count; a method with one seed is held against every seed of the
 * other.
 */
export function compared(
  comparison: Comparison,
  method: string,
  other: string,
  benchmark: string,
): PairedTest | undefined {
  const scores = (name: string): Map<string, number> | undefined => {
    const own = cellsOf(comparison, name, benchmark);
    const partner = cellsOf(comparison, name === method ? other : method, benchmark);
    const common =
      own.length > 1 && partner.length > 1 ? own.filter(({ seed }) => partner.some((cell) => cell.seed === seed)) : own;
    if (common.length === 0) return undefined;
    const means = new Map<string, number>();
    for (const id of common[0].scores.keys()) {
      const values = common.map((cell) => cell.scores.get(id));
      if (values.every((value) => value !== undefined)) means.set(id, mean(values));
    }
    return means;
  };
  const [a, b] = [scores(method), scores(other)];
  if (!a || !b) return undefined;
  const differences = [...a].flatMap(([id, value]) => (b.has(id) ? [value - b.get(id)!] : []));
  return differences.length === 0 ? undefined : pairedTest(differences);
}

function differenceText(test: PairedTest | undefined): string {
  if (!test) return NOT_RUN;
  const sign = test.mean >= 0 ? '+' : '';
  const p = test.p < 0.001 ? 'p < 0.001' : `p = ${test.p.toFixed(3)}`;
  return `${sign}${points(test.mean)} (${points(test.low)} to ${points(test.high)}, ${p})`;
}

/** Rows: header, then a method each. For every benchmark the score and the paired difference from `against`. */
export function scoreTable(comparison: Comparison, methods: readonly string[], against: string): string[][] {
  const { benchmarks } = comparison;
  const head = ['method', 'seeds', ...benchmarks.flatMap((name) => [name, `${name}: against ${against}`])];
  const rows = methods.map((method) => {
    const seeds = new Set(cellsOf(comparison, method).map(({ seed }) => seed)).size;
    const scores = benchmarks.flatMap((benchmark) => {
      const { text } = overSeeds(cellsOf(comparison, method, benchmark));
      const difference = method === against ? '' : differenceText(compared(comparison, method, against, benchmark));
      return [text, text === NOT_RUN ? NOT_RUN : difference];
    });
    return [method, seeds === 0 ? NOT_RUN : String(seeds), ...scores];
  });
  return [head, ...rows];
}

const PHASES = ['rollout', 'reward', 'score', 'train'] as const;
const TOKENS = ['prompt', 'sampled', 'scored', 'trained'] as const;

/**
 * Rows: header, then a method each: seconds and thousands of tokens of a whole training by phase, memory, and cost of
 * an answer.
 */
export function costTable(comparison: Comparison): string[][] {
  const head = [
    'method',
    ...PHASES.map((phase) => `${phase} s`),
    'training s',
    ...TOKENS.map((phase) => `${phase} kT`),
    'training kT',
    'memory at the end of training',
    'answer s',
    'answer tokens',
    'memory when answering',
  ];
  const rows = comparison.methods.map((method) => {
    const runs = comparison.training.filter((run) => run.method === method);
    const cells = cellsOf(comparison, method);
    const of = (value: (run: TrainingCost) => number, digits: number) =>
      runs.length === 0 ? '' : mean(runs.map(value)).toFixed(digits);
    const sum = (values: Readonly<Record<string, number>>) => Object.values(values).reduce((a, b) => a + b, 0);
    const answer = (value: (cell: Cell) => number, digits: number) =>
      cells.length === 0 ? NOT_RUN : mean(cells.map(value)).toFixed(digits);
    return [
      method,
      ...PHASES.map((phase) => of(({ seconds }) => seconds[phase] ?? 0, 1)),
      of(({ seconds }) => sum(seconds), 1),
      ...TOKENS.map((phase) => of(({ tokens }) => (tokens[phase] ?? 0) / 1000, 0)),
      of(({ tokens }) => sum(tokens) / 1000, 0),
      of(({ memoryTokens }) => memoryTokens, 1),
      answer(({ seconds }) => seconds, 3),
      answer(({ tokens }) => tokens, 0),
      answer(({ memoryTokens }) => memoryTokens, 1),
    ];
  });
  return [head, ...rows];
}

/** RFC 4180. */
export function csv(rows: readonly (readonly string[])[]): string {
  const cell = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return rows.map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}
