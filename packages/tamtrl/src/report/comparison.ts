/** Methods against each other: the tables of a comparison, from what its cells have measured. */
import { differenceEstimate, scoreInterval } from '../eval/crossed.js';
import { mean } from '../eval/statistics.js';
import {
  type Difference,
  differenceText,
  FAILED,
  type Measured,
  NOT_RUN,
  type Score,
  scoreText,
  seedCount,
  tested,
} from './differences.js';

/** One method with one seed on one benchmark: a score a record, by the record's id. */
export interface Cell {
  method: string;
  /** Of the training; absent for a method that is not trained, which answers the same whatever the seed. */
  seed?: number;
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
  cells: readonly Cell[];
  training: readonly TrainingCost[];
  /** Methods of which a training or an evaluation failed; without a benchmark it failed for all. */
  failed?: readonly { method: string; benchmark?: string }[];
}

/** What a method reached on a benchmark, and how that differs from the reference method. */
export interface Entry {
  method: string;
  benchmark: string;
  /** Absent if nothing was run. */
  score?: Score;
  /** Absent for the reference method itself, and where one of the two was not run. */
  difference?: Difference;
}

function cellsOf({ cells }: Pick<Comparison, 'cells'>, method: string, benchmark?: string): Cell[] {
  return cells.filter((cell) => cell.method === method && (benchmark === undefined || cell.benchmark === benchmark));
}

export const cellMean = (cell: Cell): number => mean([...cell.scores.values()]);

/** Ids of the records that all cells have. */
function commonRecords(cells: readonly Cell[]): string[] {
  return [...cells[0].scores.keys()].filter((id) => cells.every(({ scores }) => scores.has(id)));
}

/** Score of one method on one benchmark over its seeds and the records that all of them have. */
function scoreOf(cells: readonly Cell[]): Score | undefined {
  if (cells.length === 0) return undefined;
  const ids = commonRecords(cells);
  if (ids.length === 0) return undefined;
  const interval = scoreInterval(cells.map(({ scores }) => ids.map((id) => scores.get(id)!)));
  return { interval, recordsOnly: cells.length === 1 };
}

/**
 * One method minus the other on a benchmark, paired by seed and record: only seeds and records that both have count. A
 * method that is not trained is held against every seed of the other.
 */
function measuredDifference(own: readonly Cell[], other: readonly Cell[]): Measured | undefined {
  const fixed = (cells: readonly Cell[]) => cells.every(({ seed }) => seed === undefined);
  const pairs = own.flatMap((cell) =>
    other
      .filter(({ seed }) => seed === undefined || cell.seed === undefined || seed === cell.seed)
      .map((partner) => [cell, partner] as const),
  );
  if (pairs.length === 0) return undefined;
  const ids = commonRecords(pairs.flat());
  if (ids.length === 0) return undefined;
  const estimate = differenceEstimate(
    pairs.map(([cell, partner]) => ids.map((id) => cell.scores.get(id)! - partner.scores.get(id)!)),
  );
  const records = Math.max(...pairs.flat().map(({ scores }) => scores.size));
  const left = [
    ...(pairs.length < Math.max(own.length, other.length) ? [`${seedCount(pairs.length)} in common`] : []),
    ...(ids.length < records ? [`${ids.length} records in common`] : []),
  ];
  const trained = !(fixed(own) && fixed(other));
  return { estimate, trained, ...(left.length > 0 ? { note: left.join(', ') } : {}) };
}

/** Scores and differences of all methods, benchmark by benchmark; their p-values are Holm's over all of them. */
export function entries(comparison: Comparison, methods: readonly string[], against: string): Entry[] {
  const places = methods.flatMap((method) => comparison.benchmarks.map((benchmark) => ({ method, benchmark })));
  const differences = tested(
    places.map(({ method, benchmark }) =>
      method === against
        ? undefined
        : measuredDifference(cellsOf(comparison, method, benchmark), cellsOf(comparison, against, benchmark)),
    ),
  );
  return places.map((place, at) => {
    const score = scoreOf(cellsOf(comparison, place.method, place.benchmark));
    return { ...place, score, difference: differences[at] };
  });
}

/** Rows: header, then a method each. For every benchmark the score and the paired difference from `against`. */
export function scoreTable(comparison: Comparison, methods: readonly string[], against: string): string[][] {
  const head = ['method', 'seeds', ...comparison.benchmarks.flatMap((name) => [name, `${name}: against ${against}`])];
  const all = entries(comparison, methods, against);
  const missing = (benchmark: string) =>
    cellsOf(comparison, against, benchmark).length === 0 ? NOT_RUN : 'no seed or record in common';
  const rows = methods.map((method) => {
    const scores = all
      .filter((entry) => entry.method === method)
      .flatMap(({ benchmark, score, difference }) => {
        if (score === undefined) {
          const absent = absentText(comparison, method, benchmark);
          return [absent, absent];
        }
        if (method === against) return [scoreText(score), ''];
        return [scoreText(score), difference === undefined ? missing(benchmark) : differenceText(difference)];
      });
    return [method, seedsText(comparison, method), ...scores];
  });
  return [head, ...rows];
}

/** Why a method has no score on a benchmark, or on any. */
export function absentText({ failed = [] }: Comparison, method: string, benchmark?: string): string {
  const isThis = failed.some(
    (each) => each.method === method && (each.benchmark ?? benchmark) === (benchmark ?? each.benchmark),
  );
  return isThis ? FAILED : NOT_RUN;
}

export function seedsText(comparison: Comparison, method: string): string {
  const cells = cellsOf(comparison, method);
  if (cells.length === 0) return absentText(comparison, method);
  const seeds = new Set(cells.flatMap(({ seed }) => seed ?? []));
  return seeds.size === 0 ? 'not trained' : String(seeds.size);
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
      cells.length === 0 ? absentText(comparison, method) : mean(cells.map(value)).toFixed(digits);
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
