/** One evaluation from its flags to its report. */
import { join } from 'node:path';
import { writeWhole } from '../../base/files.js';
import { alignedTable, count, counted, duration, percent, timeStamp } from '../../base/format.js';
import { Pace } from '../../base/pace.js';
import type { Metric } from '../../data/metrics.js';
import { type BlankAnswers, blankAnswersText } from '../../data/records.js';
import { type EvaluationIdentity, evaluateRecords, RESULTS, requireUnusedFolder } from '../../eval/evaluation.js';
import type { ReaderName } from '../../eval/readers.js';
import { evaluationReading } from '../../eval/reading.js';
import { countRecords, recordsOfFiles } from '../../eval/record-files.js';
import type { EvaluationSummary } from '../../eval/results.js';
import { PromptFrames } from '../../memory/frames.js';
import { promptFormatNamed } from '../../memory/prompts.js';
import { type ReadingSettings, readingDifferences, readingFrom } from '../../memory/reading-settings.js';
import { parallelOf } from '../../memory/settings.js';
import { savedReading } from '../../models/reading-file.js';
import { evaluationPage, evaluationRows, failuresText } from '../../report/evaluation-summary.js';
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
  parallel?: number;
  mergeWidth?: number;
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
/** Number of bad lines listed one by one. */
const TOLD = 10;

/** The reading settings that the flags give. */
function askedReading(flags: EvalFlags): Partial<ReadingSettings> {
  const { questionTokens, chunkTokens, memoryTokens, answerTokens, ...rest } = flags;
  const { empty, align, prompts, documents, parallel, mergeWidth, thinking, temperature, topP } = rest;
  const limits = { questionTokens, chunkTokens, memoryTokens, answerTokens };
  return { ...limits, empty, align, prompts, documents, parallel, mergeWidth, thinking, temperature, topP };
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
  const note = noteOn(io);
  const model = await namedModel(flags.model, note);
  const trained = readingFrom(await savedReading(model));
  const asked = askedReading(flags);
  const opening = { ...flags, thinking: asked.thinking ?? trained?.thinking };
  const policy = await openForCommand(model, opening, { note, signal, seed: flags.seed });
  try {
    const reading = evaluationReading(policy.tokenizer, trained, asked);
    readingDifferences(asked, trained).forEach(note);
    const { questionTokens, chunkTokens, memoryTokens, answerTokens, empty, align, temperature, topP } = reading;
    const budgets = { questionTokens, chunkTokens, memoryTokens, answerTokens };
    const renderer = RENDERERS[reading.documents];
    const frames = new PromptFrames(policy, promptFormatNamed(reading.prompts));
    if (flags.reader === 'agent') frames.checkWindow(budgets, policy.contextLength);
    const { reader, data, limit, strict, metric, contextTokens, seed, concurrency } = flags;
    const folder = flags.out ?? join('runs', `eval-${reader}-${timeStamp(new Date().toISOString())}`);
    const settings = { model, reader, data, limit, ...reading, contextTokens, seed };
    const total = await countTold(flags, io);
    const pace = new Pace(TELL_EVERY);
    const { summary, results } = await evaluateRecords({
      model: policy,
      reader,
      settings,
      folder,
      resume: flags.resume,
      concurrency,
      signal,
      read: {
        frames,
        budgets,
        renderer,
        empty,
        parallel: parallelOf(reading),
        align,
        contextTokens,
        temperature,
        topP,
        seed,
        signal,
      },
      records: recordsOfFiles({ files: data, limit, strict }),
      metrics: metric,
      onStart: started,
      onProgress: ({ finished, resumed, failures, tokens, metric, score }) => {
        if (!pace.isDue()) return;
        const left = duration(pace.left(Math.max(1, finished - resumed), total - finished));
        const lost = failures > 0 ? `, ${failures} failed` : '';
        note(
          `${count(finished)}/${count(total)} records: ${metric} ${percent(score)}${lost}, ${count(tokens)} tokens, ${left} left`,
        );
      },
    });
    const failures = failuresText(results);
    if (failures !== undefined) note(failures);
    const page = join(folder, 'summary.md');
    await writeWhole(page, evaluationPage(`${reader} with ${flags.model} on ${data.join(', ')}`, summary, metric));
    if (flags.json) io.out(`${JSON.stringify({ folder, ...settings, ...summary, peak_memory_bytes: peakMemory() })}\n`);
    else {
      const table = alignedTable(evaluationRows(summary, metric));
      io.out(`\n${table}\nResults  ${join(folder, RESULTS)}\nSummary  ${page}\n`);
    }
    return summary;
  } finally {
    await policy.close();
  }
}

/** Largest resident memory of this process so far, in bytes. */
function peakMemory(): number {
  return process.resourceUsage().maxRSS * 1024;
}

/** Reads the data once, so that bad lines are reported before anything starts and the time left is known. */
async function countTold({ data, limit, strict, metric }: EvalFlags, io: Io): Promise<number> {
  let bad = 0;
  const blanks: BlankAnswers[] = [];
  const total = await countRecords({ files: data, limit, strict }, metric, {
    onProblem: (file, { line, message }) => {
      if (bad++ < TOLD) io.err(`${file}, line ${line}: ${message}\n`);
    },
    onBlankAnswers: (blank) => blanks.push(blank),
  });
  if (blanks.length > 0) io.err(`${blankAnswersText(blanks)}\n`);
  if (bad > 0) io.err(`${counted(bad, 'line')} of the data left out.\n`);
  if (total === 0) throw new UsageError(`${data.join(', ')}: no record can be used.`);
  return total;
}
