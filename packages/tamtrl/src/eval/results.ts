/**
 * Results of an evaluation: one line for each record, in a file that a later session can continue, and their summary.
 */
import { z } from 'zod';
import { trajectoryStatistics } from '../memory/statistics.js';
import { METRICS, type Metric } from '../reward/outcome.js';
import type { Answered, Scores } from './answered.js';
import { recordInterval } from './crossed.js';
import { type Interval, mean } from './statistics.js';

const share = z.number().min(0).max(1);
const whole = z.number().int().min(0);

const NO_SCORES: Scores = { exact_match: 0, f1: 0, sub_exact_match: 0, ruler_part: 0, ruler_all: 0 };

/** A line of results.jsonl. A record that failed has `error` and scores of 0: it stays in the denominator. */
export const resultSchema = z.object({
  id: z.string(),
  error: z.string().optional(),
  output: z.string(),
  answer: z.string(),
  exact_match: share,
  f1: share,
  sub_exact_match: share,
  ruler_part: share,
  ruler_all: share,
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

/** The line of a record that was read. */
export function resultOf(id: string, { trajectory, length, answer, scores }: Answered, seconds: number): RecordResult {
  const { turns, output } = trajectory;
  const { tokens, memory_tokens, overflow_rate } = trajectoryStatistics([trajectory]);
  return {
    id,
    output,
    answer,
    ...scores,
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
export function failureOf(id: string, error: string, seconds: number): RecordResult {
  return {
    id,
    error,
    output: '',
    answer: '',
    ...NO_SCORES,
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

export interface Summary {
  records: number;
  failures: number;
  metrics: Record<Metric, Interval>;
  tokens: { prompt: number; sampled: number };
  seconds: number;
  /** Means over the records that were read. */
  length: number;
  turns: number;
  memory_tokens: number;
  overflow_rate: number;
}

export interface EvaluationSummary extends Summary {
  /** The same by length of the text, in ranges that double; failed records have no length. */
  by_length: (Summary & { from: number; to: number })[];
}

export function summarize(results: readonly RecordResult[], seed = 0): EvaluationSummary {
  const ranges = new Map<number, RecordResult[]>();
  for (const result of results) {
    if (result.error !== undefined) continue;
    const from = rangeOf(result.length);
    ranges.set(from, [...(ranges.get(from) ?? []), result]);
  }
  const by_length = [...ranges]
    .sort(([a], [b]) => a - b)
    .map(([from, own]) => ({ from, to: from === 0 ? 1024 : 2 * from, ...summaryOf(own, seed) }));
  return { ...summaryOf(results, seed), by_length };
}

function summaryOf(results: readonly RecordResult[], seed: number): Summary {
  const read = results.filter(({ error }) => error === undefined);
  const metrics = Object.fromEntries(
    METRICS.map((metric) => [
      metric,
      recordInterval(
        results.map((result) => result[metric]),
        seed,
      ),
    ]),
  ) as Record<Metric, Interval>;
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
