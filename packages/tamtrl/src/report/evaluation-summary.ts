/** What an evaluation ends with: the same for the terminal and for summary.md. */
import { count, counted, markdownTable } from '../base/format.js';
import type { EvaluationIdentity } from '../eval/evaluation.js';
import { commonestFailure, type EvaluationSummary, type RecordResult, type Summary } from '../eval/results.js';
import type { Metric } from '../reward/outcome.js';
import { intervalText } from './differences.js';

/** The usual metrics, shown in addition to those of the records unless some are asked for. */
const USUAL: readonly Metric[] = ['exact_match', 'f1', 'sub_exact_match'];

/**
 * Rows: header, all records, then those of each length if there are several. Scores are percentages with intervals.
 * @param asked the metrics to show; default: those that the records name, and the usual ones
 */
export function evaluationRows(summary: EvaluationSummary, asked?: readonly Metric[]): string[][] {
  const shown = asked ?? [...new Set([...summary.metric, ...USUAL])];
  const { by_length } = summary;
  const ranges = by_length.map((range) => rowOf(`${count(range.from)} to ${count(range.to - 1)}`, range, shown));
  return [
    ['text tokens', 'records', 'failed', ...shown, 'length', 'turns', 'memory', 'tokens each', 'seconds each'],
    rowOf('all', summary, shown),
    ...(ranges.length > 1 ? ranges : []),
  ];
}

function rowOf(name: string, summary: Summary, shown: readonly Metric[]): string[] {
  const { records, failures, metrics, tokens, seconds, length, turns, memory_tokens } = summary;
  const scores = shown.map((metric) => {
    const interval = metrics[metric];
    return interval === undefined ? '-' : intervalText(interval);
  });
  return [
    name,
    count(records),
    count(failures),
    ...scores,
    count(length),
    turns.toFixed(1),
    memory_tokens.toFixed(1),
    count((tokens.prompt + tokens.sampled) / Math.max(1, records)),
    (seconds / Math.max(1, records)).toFixed(2),
  ];
}

/** The content of summary.md. @param what was evaluated, such as "agent with mini on questions.jsonl" */
export function evaluationPage(
  what: string,
  summary: EvaluationSummary & EvaluationIdentity,
  asked?: readonly Metric[],
): string {
  const { metric, scorer, prompts_sha256 } = summary;
  const intro = `${what}. Scored by ${metric.join(', ')}. Scores are percentages with 95 % intervals over records (Wilson's where every score is 0 or 1, otherwise a bootstrap); the intervals do not cover other seeds. Failed records count as 0. Lengths and memories are in tokens. Scorer ${scorer}, prompts ${prompts_sha256.slice(0, 12)}.`;
  return `${intro}\n\n${markdownTable(evaluationRows(summary, asked))}`;
}

/** Why records failed, for the table shows a 0 like any other; undefined if none did. */
export function failuresText(results: readonly RecordResult[]): string | undefined {
  const commonest = commonestFailure(results);
  if (!commonest) return undefined;
  const failed = results.filter(({ error }) => error !== undefined).length;
  const head =
    failed === results.length
      ? `${failed === 1 ? 'The only record' : `All ${count(failed)} records`} failed.`
      : `${count(failed)} of ${counted(results.length, 'record')} failed.`;
  const share =
    commonest.records === failed ? 'The reason' : `The most common reason (${counted(commonest.records, 'record')})`;
  return `${head} ${share}: ${commonest.error}`;
}
