/** One evaluation from its flags to its report. */
import { join } from 'node:path';
import { writeWhole } from '../../base/files.js';
import { alignedTable, count, duration, markdownTable, percent } from '../../base/format.js';
import { type QuestionRecord, readRecords } from '../../data/records.js';
import { evaluateRecords, requireUnusedFolder } from '../../eval/evaluation.js';
import type { ReaderName } from '../../eval/readers.js';
import type { EvaluationSummary, Summary } from '../../eval/results.js';
import type { Interval } from '../../eval/statistics.js';
import { MINI_BUDGETS, promptsFor } from '../../memory/asking.js';
import { type Budgets, PromptFrames } from '../../memory/frames.js';
import { miniPrompts, type PromptFormat } from '../../memory/prompts.js';
import type { Policy } from '../../policy/types.js';
import { type DocumentRenderer, numberedRenderer, plainRenderer } from '../../text/documents.js';
import { UsageError } from '../terminal/errors.js';
import type { Io } from '../terminal/io.js';
import { type ModelFlags, noteOn, openForCommand } from '../terminal/models.js';

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
  temperature: number;
  topP: number;
  seed: number;
  strict?: boolean;
  json?: boolean;
}

/** Milliseconds between two lines of progress. */
const TELL_EVERY = 2000;

/** Wording and budgets by the model: the embedded one as it was trained, everything else as a chat. */
function asking(policy: Policy): { format: PromptFormat; renderer: DocumentRenderer; budgets: Budgets } {
  const format = promptsFor(policy.tokenizer);
  if (format === miniPrompts) return { format, renderer: plainRenderer, budgets: MINI_BUDGETS };
  const budgets = { questionTokens: 256, chunkTokens: 1024, memoryTokens: 256, answerTokens: 128 };
  return { format, renderer: numberedRenderer, budgets };
}

/** @throws UsageError, DataError, EvaluationError, … saying what does not fit. */
export async function runEvaluation(
  flags: EvalFlags,
  io: Io,
  signal: AbortSignal,
  started: () => void,
): Promise<EvaluationSummary> {
  if (flags.resume && flags.out === undefined)
    throw new UsageError('--resume needs the folder of the evaluation: --out FOLDER --resume.');
  if (flags.out !== undefined) await requireUnusedFolder(flags.out);
  const policy = await openForCommand(flags.model, flags, { note: noteOn(io), signal, seed: flags.seed });
  try {
    const { format, renderer, budgets: usual } = asking(policy);
    const budgets: Budgets = {
      questionTokens: flags.questionTokens ?? usual.questionTokens,
      chunkTokens: flags.chunkTokens ?? usual.chunkTokens,
      memoryTokens: flags.memoryTokens ?? usual.memoryTokens,
      answerTokens: flags.answerTokens ?? usual.answerTokens,
    };
    const frames = new PromptFrames(policy, format);
    if (flags.reader === 'agent') frames.checkWindow(budgets, policy.contextLength);
    const folder =
      flags.out ??
      join(
        'runs',
        `eval-${flags.reader}-${new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')}`,
      );
    const { model, thinking, reader, data, limit, contextTokens, temperature, topP, seed, concurrency } = flags;
    const settings = {
      model,
      thinking,
      reader,
      data,
      limit,
      ...budgets,
      contextTokens,
      temperature,
      topP,
      seed,
      prompts: format.name,
    };
    const total = await countRecords(flags, io);
    const begun = performance.now();
    let told = begun;
    const { summary } = await evaluateRecords({
      model: policy,
      reader,
      settings,
      folder,
      resume: flags.resume,
      concurrency,
      signal,
      read: { frames, budgets, renderer, contextTokens, temperature, topP, seed, signal },
      records: recordsOf(flags),
      onStart: started,
      onProgress: ({ finished, resumed, failures, tokens, exact_match }) => {
        const now = performance.now();
        if (now - told < TELL_EVERY) return;
        told = now;
        const each = (now - begun) / Math.max(1, finished - resumed) / 1000;
        const lost = failures > 0 ? `, ${failures} failed` : '';
        io.err(
          `${count(finished)}/${count(total)} records: exact match ${percent(exact_match)}${lost}, ${count(tokens)} tokens, ${duration(each * (total - finished))} left\n`,
        );
      },
    });
    await writeWhole(join(folder, 'summary.md'), markdownSummary(flags, summary));
    if (flags.json) io.out(`${JSON.stringify({ folder, ...settings, ...summary, peak_memory_bytes: peakMemory() })}\n`);
    else
      io.out(
        `\n${alignedTable(summaryRows(summary))}\nResults  ${join(folder, 'results.jsonl')}\nSummary  ${join(folder, 'summary.md')}\n`,
      );
    return summary;
  } finally {
    await policy.close();
  }
}

/** Largest resident memory of this process so far, in bytes. */
function peakMemory(): number {
  return process.resourceUsage().maxRSS * 1024;
}

async function* recordsOf(
  { data, limit = Number.POSITIVE_INFINITY, strict }: EvalFlags,
  onProblem?: (text: string) => void,
): AsyncGenerator<QuestionRecord> {
  const seen = new Set<string>();
  for (const file of data) {
    const problem =
      onProblem &&
      (({ line, message }: { line: number; message: string }) => onProblem(`${file}, line ${line}: ${message}`));
    for await (const record of readRecords(file, { strict, onProblem: problem })) {
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
  for await (const _ of recordsOf(flags, (text) => {
    if (bad++ < 10) io.err(`${text}\n`);
  }))
    total++;
  if (bad > 0) io.err(`${count(bad)} lines of the data were left out.\n`);
  if (total === 0) throw new UsageError(`${flags.data.join(', ')}: no record can be used.`);
  return total;
}

const interval = ({ mean, low, high }: Interval) =>
  `${(100 * mean).toFixed(1)} (${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)})`;

function summaryRow(
  name: string,
  { records, failures, metrics, tokens, seconds, length, turns, memory_tokens }: Summary,
): string[] {
  return [
    name,
    count(records),
    count(failures),
    interval(metrics.exact_match),
    interval(metrics.f1),
    interval(metrics.sub_exact_match),
    interval(metrics.ruler_all),
    count(length),
    turns.toFixed(1),
    memory_tokens.toFixed(1),
    count((tokens.prompt + tokens.sampled) / Math.max(1, records)),
    (seconds / Math.max(1, records)).toFixed(2),
  ];
}

function summaryRows(summary: EvaluationSummary): string[][] {
  const head = [
    'text tokens',
    'records',
    'failed',
    'exact_match',
    'f1',
    'sub_exact_match',
    'ruler_all',
    'length',
    'turns',
    'memory',
    'tokens each',
    'seconds each',
  ];
  const ranges = summary.by_length.map((range) => summaryRow(`${count(range.from)} to ${count(range.to - 1)}`, range));
  return [head, summaryRow('all', summary), ...(ranges.length > 1 ? ranges : [])];
}

function markdownSummary(flags: EvalFlags, summary: EvaluationSummary): string {
  const intro = `${flags.reader} with ${flags.model} on ${flags.data.join(', ')}. Scores in percent with 95 % intervals over records, which say nothing of other seeds (Wilson, or a bootstrap for scores between 0 and 1); failed records count as 0. ruler_all: the share of the references that the output contains, letter case aside. Lengths and memories in tokens.`;
  return `${intro}\n\n${markdownTable(summaryRows(summary))}`;
}
