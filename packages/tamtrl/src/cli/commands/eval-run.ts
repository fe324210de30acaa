/** One evaluation from its flags to its report. */
import { join } from 'node:path';
import { writeWhole } from '../../base/files.js';
import { alignedTable, count, duration, markdownTable, percent } from '../../base/format.js';
import { given } from '../../base/objects.js';
import type { Metric } from '../../data/metrics.js';
import { type BlankAnswers, blankAnswersText, type QuestionRecord, readRecords } from '../../data/records.js';
import { type EvaluationIdentity, evaluateRecords, requireUnusedFolder } from '../../eval/evaluation.js';
import type { ReaderName } from '../../eval/readers.js';
import {
  commonestFailure,
  type EvaluationSummary,
  type RecordResult,
  requireScorable,
  type Summary,
} from '../../eval/results.js';
import type { Interval } from '../../eval/statistics.js';
import { MINI_BUDGETS } from '../../memory/asking.js';
import { type Budgets, PromptFrames } from '../../memory/frames.js';
import { miniPrompts, promptFormatNamed } from '../../memory/prompts.js';
import { type ReadingSettings, readingDifferences, readingFrom, usualReading } from '../../memory/reading-settings.js';
import { savedReading } from '../../models/reading-file.js';
import { RENDERERS } from '../../text/documents.js';
import { UsageError } from '../terminal/errors.js';
import type { Io } from '../terminal/io.js';
import { type ModelFlags, namedModel, noteOn, openForCommand } from '../terminal/models.js';

export interface EvalFlags extends ModelFlags {
  data: string[];
  model: string;
  reader: ReaderName;
  out?: string;
  resume?: boolean;
  limit?: number;
  concurrency: number;
  questionTokens?: number;
  chunkTokens?: number;
  memoryTokens?: number;
  answerTokens?: number;
  contextTokens?: number;
  empty?: ReadingSettings['empty'];
  align?: ReadingSettings['align'];
  prompts?: ReadingSettings['prompts'];
  documents?: ReadingSettings['documents'];
  temperature?: number;
  topP?: number;
  seed: number;
  metric?: Metric[];
  strict?: boolean;
  json?: boolean;
}

/** Milliseconds between two lines of progress. */
const TELL_EVERY = 2000;

/** Token limits where neither the flags nor the model's training say any. */
function usualBudgets(prompts: ReadingSettings['prompts']): Budgets {
  if (prompts === miniPrompts.name) return MINI_BUDGETS;
  return { questionTokens: 256, chunkTokens: 1024, memoryTokens: 256, answerTokens: 128 };
}

/** The reading settings that the flags give. */
function askedReading(flags: EvalFlags): Partial<ReadingSettings> {
  const { questionTokens, chunkTokens, memoryTokens, answerTokens, ...rest } = flags;
  const { empty, align, prompts, documents, thinking, temperature, topP } = rest;
  const limits = { questionTokens, chunkTokens, memoryTokens, answerTokens };
  return given({ ...limits, empty, align, prompts, documents, thinking, temperature, topP });
}

/** @throws UsageError, DataError, EvaluationError, … saying what does not fit. */
export async function runEvaluation(
  flags: EvalFlags,
  io: Io,
  signal: AbortSignal,
  started: () => void,
): Promise<EvaluationSummary & EvaluationIdentity> {
  if (flags.resume && flags.out === undefined)
    throw new UsageError('--resume needs the folder of the evaluation: --out FOLDER --resume.');
  if (flags.out !== undefined) await requireUnusedFolder(flags.out);
  const model = await namedModel(flags.model, noteOn(io));
  const trained = readingFrom(await savedReading(model));
  const asked = askedReading(flags);
  const opening = { ...flags, thinking: asked.thinking ?? trained?.thinking };
  const policy = await openForCommand(model, opening, { note: noteOn(io), signal, seed: flags.seed });
  try {
    const usual = { ...usualReading(policy.tokenizer), ...trained, ...asked };
    const reading: ReadingSettings = { ...usualBudgets(usual.prompts), ...usual };
    for (const line of readingDifferences(asked, trained)) io.err(`${line}\n`);
    const { questionTokens, chunkTokens, memoryTokens, answerTokens, empty, align, temperature, topP } = reading;
    const budgets: Budgets = { questionTokens, chunkTokens, memoryTokens, answerTokens };
    const renderer = RENDERERS[reading.documents];
    const format = promptFormatNamed(reading.prompts);
    const frames = new PromptFrames(policy, format);
    if (flags.reader === 'agent') frames.checkWindow(budgets, policy.contextLength);
    const folder =
      flags.out ??
      join(
        'runs',
        `eval-${flags.reader}-${new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')}`,
      );
    const { reader, data, limit, metric, contextTokens, seed, concurrency } = flags;
    const settings = { model, reader, data, limit, ...reading, contextTokens, seed };
    const total = await countRecords(flags, io);
    const begun = performance.now();
    let told = begun;
    const { summary, results } = await evaluateRecords({
      model: policy,
      reader,
      settings,
      folder,
      resume: flags.resume,
      concurrency,
      signal,
      read: { frames, budgets, renderer, empty, align, contextTokens, temperature, topP, seed, signal },
      records: recordsOf(flags),
      metrics: metric,
      onStart: started,
      onProgress: ({ finished, resumed, failures, tokens, metric, score }) => {
        const now = performance.now();
        if (now - told < TELL_EVERY) return;
        told = now;
        const each = (now - begun) / Math.max(1, finished - resumed) / 1000;
        const lost = failures > 0 ? `, ${failures} failed` : '';
        io.err(
          `${count(finished)}/${count(total)} records: ${metric} ${percent(score)}${lost}, ${count(tokens)} tokens, ${duration(each * (total - finished))} left\n`,
        );
      },
    });
    tellFailures(results, io);
    await writeWhole(join(folder, 'summary.md'), markdownSummary(flags, summary));
    if (flags.json) io.out(`${JSON.stringify({ folder, ...settings, ...summary, peak_memory_bytes: peakMemory() })}\n`);
    else
      io.out(
        `\n${alignedTable(summaryRows(flags, summary))}\nResults  ${join(folder, 'results.jsonl')}\nSummary  ${join(folder, 'summary.md')}\n`,
      );
    return summary;
  } finally {
    await policy.close();
  }
}

/** Says why records failed: the table shows a 0 like any other. */
function tellFailures(results: readonly RecordResult[], io: Io): void {
  const commonest = commonestFailure(results);
  if (!commonest) return;
  const failed = results.filter(({ error }) => error !== undefined).length;
  const all = failed === results.length;
  const head = all
    ? `All ${count(failed)} records failed.`
    : `${count(failed)} of ${count(results.length)} records failed.`;
  const share =
    commonest.records === failed ? 'The reason' : `The most common reason (${count(commonest.records)} records)`;
  io.err(`${head} ${share}: ${commonest.error}\n`);
}

/** Largest resident memory of this process so far, in bytes. */
function peakMemory(): number {
  return process.resourceUsage().maxRSS * 1024;
}

async function* recordsOf(
  { data, limit = Number.POSITIVE_INFINITY, strict }: EvalFlags,
  onProblem?: (text: string) => void,
  onBlankAnswers?: (blank: BlankAnswers) => void,
): AsyncGenerator<QuestionRecord> {
  const seen = new Set<string>();
  for (const file of data) {
    const problem =
      onProblem &&
      (({ line, message }: { line: number; message: string }) => onProblem(`${file}, line ${line}: ${message}`));
    for await (const record of readRecords(file, { strict, onProblem: problem, onBlankAnswers })) {
      if (seen.size >= limit) return;
      if (seen.has(record.id))
        throw new UsageError(
          `The id ${JSON.stringify(record.id)} appears more than once in ${data.join(', ')}: results could not be told apart.`,
        );
      seen.add(record.id);
      yield record;
    }
  }
}

/** Reads the data once, so that bad lines are reported before anything starts and the time left is known. */
async function countRecords(flags: EvalFlags, io: Io): Promise<number> {
  let total = 0;
  let bad = 0;
  const blanks: BlankAnswers[] = [];
  const onProblem = (text: string) => {
    if (bad++ < 10) io.err(`${text}\n`);
  };
  for await (const record of recordsOf(flags, onProblem, (blank) => blanks.push(blank))) {
    requireScorable(record, flags.metric);
    total++;
  }
  if (blanks.length > 0) io.err(`${blankAnswersText(blanks)}\n`);
  if (bad > 0) io.err(`${count(bad)} lines of the data were left out.\n`);
  if (total === 0) throw new UsageError(`${flags.data.join(', ')}: no record can be used.`);
  return total;
}

const interval = (value: Interval | undefined) =>
  value === undefined
    ? '-'
    : `${(100 * value.mean).toFixed(1)} (${(100 * value.low).toFixed(1)} to ${(100 * value.high).toFixed(1)})`;

function summaryRow(
  name: string,
  { records, failures, metrics, tokens, seconds, length, turns, memory_tokens }: Summary,
  shown: readonly Metric[],
): string[] {
  return [
    name,
    count(records),
    count(failures),
    ...shown.map((metric) => interval(metrics[metric])),
    count(length),
    turns.toFixed(1),
    memory_tokens.toFixed(1),
    count((tokens.prompt + tokens.sampled) / Math.max(1, records)),
    (seconds / Math.max(1, records)).toFixed(2),
  ];
}

/** The usual metrics, shown in addition to those of the records unless a flag names some. */
const USUAL: readonly Metric[] = ['exact_match', 'f1', 'sub_exact_match'];

function summaryRows({ metric }: EvalFlags, summary: EvaluationSummary): string[][] {
  const shown = metric ?? [...new Set([...summary.metric, ...USUAL])];
  const head = [
    'text tokens',
    'records',
    'failed',
    ...shown,
    'length',
    'turns',
    'memory',
    'tokens each',
    'seconds each',
  ];
  const ranges = summary.by_length.map((range) =>
    summaryRow(`${count(range.from)} to ${count(range.to - 1)}`, range, shown),
  );
  return [head, summaryRow('all', summary, shown), ...(ranges.length > 1 ? ranges : [])];
}

function markdownSummary(flags: EvalFlags, summary: EvaluationSummary & EvaluationIdentity): string {
  const { metric, scorer, prompts_sha256 } = summary;
  const intro = `${flags.reader} with ${flags.model} on ${flags.data.join(', ')}. Scored by ${metric.join(', ')}. Scores are percentages with 95 % intervals over records (Wilson's where every score is 0 or 1, otherwise a bootstrap); the intervals do not cover other seeds. Failed records count as 0. Lengths and memories are in tokens. Scorer ${scorer}, prompts ${prompts_sha256.slice(0, 12)}.`;
  return `${intro}\n\n${markdownTable(summaryRows(flags, summary))}`;
}
