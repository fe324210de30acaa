/** Question-answering records, one JSON object a line: their shape, and a reader that names every bad line. */
import { z } from 'zod';
import { DataError } from './errors.js';
import { checkFormat } from './files/format.js';
import { type LineOptions, readLines } from './files/lines.js';
import { describeLine } from './files/rows.js';
import { ANSWERS_WANTED, metricSchema } from './metrics.js';

const offset = z.number().int().nonnegative();

/** See `QuestionRecord`. Keys that are not named here are dropped. */
export const recordSchema = z
  .object({
    id: z.string().min(1),
    source: z.string().default(''),
    question: z.string(),
    answers: z.array(z.string()),
    answersWanted: z.enum(ANSWERS_WANTED).optional(),
    metric: metricSchema.optional(),
    task: z.string().min(1).optional(),
    labels: z.array(z.string().min(1)).min(1).optional(),
    documents: z
      .array(z.object({ title: z.string().optional(), text: z.string(), relevant: z.boolean().optional() }))
      .min(1),
    evidence: z.array(z.object({ document: offset, start: offset, end: offset })).optional(),
  })
  .superRefine((record, context) => {
    record.evidence?.forEach(({ document, start, end }, at) => {
      const found = record.documents[document];
      const message =
        found === undefined
          ? `names document ${document}, but there are ${record.documents.length} (counting from 0)`
          : start >= end || end > found.text.length
            ? `is ${start} to ${end}, expected a span within the document's ${found.text.length} characters`
            : undefined;
      if (message) context.addIssue({ code: 'custom', path: ['evidence', at], message });
    });
  });

/**
 * A question, its answers, and the documents to read. `answersWanted`, `metric`, `task` and `labels` say how an answer
 * is scored; see `Reference` and `metricOf` in metrics.ts. `relevant` marks whole documents, `evidence` stretches of
 * documents in UTF-16 code units of their text; where `evidence` is there, it is the finer annotation.
 */
export type QuestionRecord = z.output<typeof recordSchema>;

export const RECORD_PROBLEMS = ['json', 'shape', 'duplicate-id', 'no-gold', 'encoding', 'size'] as const;
export type RecordProblemKind = (typeof RECORD_PROBLEMS)[number];

export interface RecordProblem {
  kind: RecordProblemKind;
  /** From 1. */
  line: number;
  message: string;
}

export interface ReadRecordsOptions extends LineOptions {
  /** Throw at the first problem instead of skipping the line; default false. */
  strict?: boolean;
  /** Records need a question and an answer: yes for training and evaluation, no for haystacks; default true. */
  requireGold?: boolean;
  /** Called for every line that is left out. */
  onProblem?: (problem: RecordProblem) => void;
  /** Told of every record that loses blank gold answers: an empty output would match them. */
  onBlankAnswers?: (blank: BlankAnswers) => void;
}

export interface BlankAnswers {
  /** From 1. */
  line: number;
  id: string;
  /** How many were dropped. */
  count: number;
}

/**
 * The records of a JSONL file (plain, gzip or zstd) in order, in constant memory except for the ids. Empty lines are
 * skipped; bad ones are reported and left out.
 * @throws DataError `file` if the file cannot be read or has another format, `record` with the line if `strict`.
 */
export async function* readRecords(path: string, options: ReadRecordsOptions = {}): AsyncGenerator<QuestionRecord> {
  const { strict = false, requireGold = true, onProblem, onBlankAnswers } = options;
  const seen = new Map<string, number>();
  await checkFormat(path);
  for await (const read of readLines(path, options)) {
    const { line } = read;
    if ('text' in read && read.text.trim() === '') continue;
    const result =
      'text' in read
        ? parseRecord(read.text, line, requireGold)
        : { problem: { kind: read.problem, line, message: `${describeLine(read)}.` } };
    let problem = 'problem' in result ? result.problem : undefined;
    if ('record' in result) {
      const first = seen.get(result.record.id);
      if (first === undefined) {
        seen.set(result.record.id, line);
        const { record } = result;
        const answers = record.answers.filter((answer) => answer.trim() !== '');
        const count = record.answers.length - answers.length;
        if (count > 0) onBlankAnswers?.({ line, id: record.id, count });
        yield count > 0 ? { ...record, answers } : record;
        continue;
      }
      const message = `id ${JSON.stringify(result.record.id)} already occurs in line ${first}.`;
      problem = { kind: 'duplicate-id', line, message };
    }
    if (!problem) continue;
    if (strict) throw new DataError('record', `${path}, line ${line}: ${problem.message}`, { line });
    onProblem?.(problem);
  }
}

/** Whether it says which parts of its documents are relevant. */
export function isAnnotated({ evidence, documents }: QuestionRecord): boolean {
  return evidence !== undefined || documents.some(({ relevant }) => relevant !== undefined);
}

/** "3 blank gold answers in 2 records were dropped; the first is in line 7 (record "x")." */
export function blankAnswersText(blanks: readonly BlankAnswers[]): string {
  const total = blanks.reduce((sum, { count }) => sum + count, 0);
  const [{ line, id }] = blanks;
  const records = blanks.length === 1 ? '1 record' : `${blanks.length} records`;
  return `${total} blank gold ${total === 1 ? 'answer' : 'answers'} in ${records} ${total === 1 ? 'was' : 'were'} dropped; the first is in line ${line} (record ${JSON.stringify(id)}). An empty output would have matched.`;
}

export interface LoadedRecords {
  records: QuestionRecord[];
  problems: RecordProblem[];
  /** Records that lost blank gold answers. */
  blanks: BlankAnswers[];
  /** How many lines were left out for each reason. */
  counts: Record<RecordProblemKind, number>;
}

/** All records of a file, with everything that was wrong. Records without their blank gold answers. */
export async function loadRecords(path: string, options: ReadRecordsOptions = {}): Promise<LoadedRecords> {
  const problems: RecordProblem[] = [];
  const records: QuestionRecord[] = [];
  const onProblem = (problem: RecordProblem) => {
    problems.push(problem);
    options.onProblem?.(problem);
  };
  const blanks: BlankAnswers[] = [];
  const onBlankAnswers = (blank: BlankAnswers) => {
    blanks.push(blank);
    options.onBlankAnswers?.(blank);
  };
  for await (const record of readRecords(path, { ...options, onProblem, onBlankAnswers })) records.push(record);
  const counts = { json: 0, shape: 0, 'duplicate-id': 0, 'no-gold': 0, encoding: 0, size: 0 };
  for (const problem of problems) counts[problem.kind]++;
  return { records, problems, blanks, counts };
}

function parseRecord(
  text: string,
  line: number,
  requireGold: boolean,
): { record: QuestionRecord } | { problem: RecordProblem } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { problem: { kind: 'json', line, message: `not JSON: ${(error as Error).message}.` } };
  }
  const parsed = recordSchema.safeParse(value);
  if (!parsed.success) {
    const issues = parsed.error.issues.slice(0, 3).map((issue) => `${pathText(issue.path)}: ${issue.message}`);
    const more = parsed.error.issues.length - issues.length;
    return {
      problem: { kind: 'shape', line, message: `${issues.join('; ')}${more > 0 ? `; and ${more} more` : ''}.` },
    };
  }
  const record = parsed.data;
  const missing = [
    record.question.trim() === '' ? 'question' : '',
    record.answers.some((answer) => answer.trim() !== '') ? '' : 'gold answer',
  ].filter((name) => name !== '');
  if (requireGold && missing.length > 0) {
    return {
      problem: {
        kind: 'no-gold',
        line,
        message: `record ${JSON.stringify(record.id)} has no ${missing.join(' and no ')}.`,
      },
    };
  }
  return { record };
}

/** "documents[3].text" */
function pathText(path: readonly PropertyKey[]): string {
  const text = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return text === '' ? 'the line' : text.replace(/^\./, '');
}
