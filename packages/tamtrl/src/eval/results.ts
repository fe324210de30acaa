/**
 * Results of an evaluation: one line for each record, in a file that a later session can continue, and their summary.
 */
import { z } from 'zod';
import { ANSWERS_WANTED, metricSchema } from '../data/metrics.js';
import type { QuestionRecord } from '../data/records.js';
import { trajectoryStatistics } from '../memory/statistics.js';
import { lackingFor, METRICS, type Metric, metricOf, metricsFor } from '../reward/outcome.js';
import type { Answered } from './answered.js';
import { recordInterval } from './crossed.js';
import { EvaluationError } from './errors.js';
import { type Interval, mean } from './statistics.js';

const share = z.number().min(0).max(1);
const whole = z.number().int().min(0);

const scores = Object.fromEntries(METRICS.map((metric) => [metric, share.optional()])) as Record<
  Metric,
  z.ZodOptional<typeof share>
>;

/**
 * A line of results.jsonl, with every metric that the record has everything for. A record that failed has `error` and
 * scores of 0: it stays in the denominator.
 */
export const resultSchema = z.object({
  id: z.string(),
  error: z.string().optional(),
  /** Absent, as the next ones, in files of versions that did not write it. */
  question: z.string().optional(),
  /** The gold answers. */
  answers: z.array(z.string()).optional(),
  answersWanted: z.enum(ANSWERS_WANTED).optional(),
  /** The metric that the record or its source names. */
  metric: metricSchema.optional(),
  output: z.string(),
  answer: z.string(),
  ...scores,
  exact_match: share,
  f1: share,
  sub_exact_match: share,
  /** Tokens of the text. */
  length: whole,
  turns: whole,
  prompt_tokens: whole,
  sampled_tokens: whole,
  memory_tokens: z.number().min(0),
  last_memory_tokens: whole,
  overflow_rate: share,
  /** Wall time of the batch, shared equally. */
  seconds: z.number().min(0),
});

export type RecordResult = z.output<typeof resultSchema>;

/** What a line says of its record. */
function ofRecord(record: QuestionRecord) {
  const { id, question, answers, answersWanted } = record;
  return { id, question, answers, ...(answersWanted && { answersWanted }), metric: metricOf(record) };
}

/** The line of a record that was read. */
export function resultOf(record: QuestionRecord, read: Answered, seconds: number): RecordResult {
  const { trajectory, length, answer } = read;
  const { turns, output } = trajectory;
  const { tokens, memory_tokens, overflow_rate } = trajectoryStatistics([trajectory]);
  return {
    ...ofRecord(record),
    output,
    answer,
    ...read.scores,
    length,
    turns: turns.length,
    prompt_tokens: tokens.prompt,
    sampled_tokens: tokens.sampled,
    memory_tokens,
    last_memory_tokens: turns.at(-1)?.memoryTokens ?? 0,
    overflow_rate,
    seconds,
  };
}

/** The line of a record that could not be read. */
export function failureOf(record: QuestionRecord, error: string, seconds: number): RecordResult {
  const { id, ...said } = ofRecord(record);
  return {
    id,
    error,
    ...said,
    output: '',
    answer: '',
    ...Object.fromEntries(metricsFor(record).map((metric) => [metric, 0])),
    exact_match: 0,
    f1: 0,
    sub_exact_match: 0,
    length: 0,
    turns: 0,
    prompt_tokens: 0,
    sampled_tokens: 0,
    memory_tokens: 0,
    last_memory_tokens: 0,
    overflow_rate: 0,
    seconds,
  };
}

/** @throws EvaluationError `invalid-argument` naming what the record lacks for one of the metrics. */
export function requireScorable(record: QuestionRecord, metrics: readonly Metric[] = [metricOf(record)]): void {
  for (const metric of metrics) {
    const lacking = lackingFor(metric, record);
    if (lacking === undefined) continue;
    throw new EvaluationError(
      'invalid-argument',
      `Record ${JSON.stringify(record.id)} cannot be scored by ${metric}, which needs ${lacking}. Add it to the record, or choose another metric.`,
    );
  }
}

/** @throws EvaluationError `file` if the line has no such score. */
export function scoreOf(result: RecordResult, metric: Metric): number {
  const score = result[metric];
  if (score !== undefined) return score;
  throw new EvaluationError(
    'file',
    `The result of record ${JSON.stringify(result.id)} has no ${metric}: the record lacks what this metric needs, or an earlier version wrote the line. Evaluate again, or choose another metric.`,
  );
}

/**
 * The reason for which most records failed, in the words of the first of them; undefined if none failed. Reasons that
 * differ in numbers and quoted names alone are one.
 */
export function commonestFailure(results: readonly RecordResult[]): { records: number; error: string } | undefined {
  const kinds = new Map<string, { records: number; error: string }>();
  for (const { error } of results) {
    if (error === undefined) continue;
    const kind = error.replaceAll(/"(?:[^"\\]|\\.)*"|\d[\d,.]*/g, '#');
    const known = kinds.get(kind);
    if (known) known.records++;
    else kinds.set(kind, { records: 1, error });
  }
  return [...kinds.values()].sort((a, b) => b.records - a.records)[0];
}

export interface Summary {
  records: number;
  failures: number;
  /** Mean and 95 % interval over the records that have the score: Wilson's for zeros and ones, else a bootstrap. */
  metrics: Partial<Record<Metric, Interval>>;
  tokens: { prompt: number; sampled: number };
  seconds: number;
  /** Means over the records that were read. */
  length: number;
  turns: number;
  memory_tokens: number;
  overflow_rate: number;
}

export interface EvaluationSummary extends Summary {
  /** What was asked for, else what the records name, the first one first. */
  metric: Metric[];
  /** The same by length of the text, in ranges that double; failed records have no length. */
  by_length: (Summary & { from: number; to: number })[];
}

export function summarize(results: readonly RecordResult[], seed = 0, asked?: readonly Metric[]): EvaluationSummary {
  const ranges = new Map<number, RecordResult[]>();
  for (const result of results) {
    if (result.error !== undefined) continue;
    const from = rangeOf(result.length);
    ranges.set(from, [...(ranges.get(from) ?? []), result]);
  }
  const by_length = [...ranges]
    .sort(([a], [b]) => a - b)
    .map(([from, own]) => ({ from, to: from === 0 ? 1024 : 2 * from, ...summaryOf(own, seed) }));
  const metric = [...(asked ?? new Set(results.map((result) => result.metric ?? 'exact_match')))];
  return { metric, ...summaryOf(results, seed), by_length };
}

function summaryOf(results: readonly RecordResult[], seed: number): Summary {
  const read = results.filter(({ error }) => error === undefined);
  const metrics: Summary['metrics'] = {};
  for (const metric of METRICS) {
    const values = results.flatMap((result) => result[metric] ?? []);
    if (values.length > 0) metrics[metric] = recordInterval(values, seed);
  }
  const total = (of: (result: RecordResult) => number) => results.reduce((sum, result) => sum + of(result), 0);
  return {
    records: results.length,
    failures: results.length - read.length,
    metrics,
    tokens: { prompt: total((result) => result.prompt_tokens), sampled: total((result) => result.sampled_tokens) },
    seconds: total((result) => result.seconds),
    length: mean(read.map(({ length }) => length)),
    turns: mean(read.map(({ turns }) => turns)),
    memory_tokens: mean(read.map(({ memory_tokens }) => memory_tokens)),
    overflow_rate: mean(read.map(({ overflow_rate }) => overflow_rate)),
  };
}

/** Ranges: below 1,024, to 2,048, to 4,096, … */
function rangeOf(length: number): number {
  return length < 1024 ? 0 : 2 ** Math.floor(Math.log2(length));
}
