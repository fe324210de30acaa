/**
 * Marks the relevant parts of a record's documents, in document coordinates: from the annotation, by words, or by a
 * judge. The filtered chunks that the teacher reads are made from these marks.
 */

import { bm25, wordsOf } from '../text/bm25.js';
import { type DocumentRange, mergeRanges } from '../text/filter.js';
import { splitSentences } from '../text/sentences.js';
import { DataError } from './errors.js';
import type { QuestionRecord } from './records.js';

/** Sorted by document and place, not overlapping. */
export type RelevanceMarks = DocumentRange[];

/**
 * The record's own annotation: `evidence` if present, else the documents marked relevant.
 * @throws DataError `annotation` if it has neither. (If all documents are marked irrelevant, that is an annotation
 *   without marks.)
 */
export function annotated(record: QuestionRecord): RelevanceMarks {
  if (record.evidence) return mergeRanges(record.evidence);
  if (record.documents.every((document) => document.relevant === undefined)) {
    throw new DataError(
      'annotation',
      `Record ${JSON.stringify(record.id)} has no relevance annotation (neither "relevant" on documents nor "evidence"). Use lexical or judged relevance for it.`,
    );
  }
  return mergeRanges(
    record.documents.flatMap((document, index) =>
      document.relevant ? [{ document: index, start: 0, end: document.text.length }] : [],
    ),
  );
}

export interface LexicalOptions {
  /** Number of best sentences by BM25 to mark; default 5. */
  topK?: number;
  /** Saturation of repeated words; default 1.2. */
  k1?: number;
  /** Length normalisation; default 0.75. */
  b?: number;
  /**
   * A document's title counts as part of each of its sentences, which often say "he" or "the company"; default true.
   */
  titles?: boolean;
}

/** A sentence of a document, with the document's title. */
export interface Sentence extends DocumentRange {
  text: string;
  title: string;
}

/**
 * The `topK` sentences with the highest BM25 score (Robertson and Zaragoza 2009, idf with + 1) for the words of the
 * question and the gold answers, and every sentence that contains a gold answer as whole words (except yes and no).
 */
export function lexical(record: QuestionRecord, options: LexicalOptions = {}): RelevanceMarks {
  const { topK = 5, k1 = 1.2, b = 0.75, titles = true } = options;
  const sentences = sentencesOf(record);
  const answers = record.answers.map((answer) => wordsOf(answer)).filter((words) => words.length > 0);
  const query = new Set([...wordsOf(record.question), ...answers.flat()]);
  const texts = sentences.map((sentence) => wordsOf(titles ? `${sentence.title} ${sentence.text}` : sentence.text));
  const scores = bm25(query, texts, k1, b);
  const chosen = new Set(
    scores
      .map((score, index) => ({ score, index }))
      .filter(({ score }) => score > 0)
      .sort((x, y) => y.score - x.score || x.index - y.index)
      .slice(0, topK)
      .map(({ index }) => index),
  );
  const needles = answers.map((words) => words.join(' ')).filter((needle) => needle !== 'yes' && needle !== 'no');
  sentences.forEach((sentence, index) => {
    const text = ` ${wordsOf(sentence.text).join(' ')} `;
    if (needles.some((needle) => text.includes(` ${needle} `))) chosen.add(index);
  });
  return mergeRanges(sentences.filter((_, index) => chosen.has(index)));
}

/** Says for each sentence whether the answer needs it. The result has one entry for each sentence. */
export type RelevanceJudge = (
  question: string,
  answers: readonly string[],
  sentences: readonly string[],
) => Promise<boolean[]>;

export interface JudgedOptions {
  /** Sentences shown to the judge at a time; default 50. */
  batch?: number;
}

/**
 * Marks the sentences that a judge chooses. The judge sees each sentence after its document's title.
 * @throws DataError `judge` if the judge's reply does not have one verdict for each sentence.
 */
export async function judged(
  record: QuestionRecord,
  judge: RelevanceJudge,
  options: JudgedOptions = {},
): Promise<RelevanceMarks> {
  const { batch = 50 } = options;
  const sentences = sentencesOf(record);
  const marks: DocumentRange[] = [];
  for (let from = 0; from < sentences.length; from += batch) {
    const asked = sentences.slice(from, from + batch);
    const shown = asked.map(({ title, text }) => (title === '' ? text : `${title}: ${text}`));
    const reply = await judge(record.question, record.answers, shown);
    if (reply.length !== asked.length) {
      throw new DataError(
        'judge',
        `The relevance judge gave ${reply.length} verdicts for ${asked.length} sentences of record ${JSON.stringify(record.id)}; expected one each.`,
      );
    }
    marks.push(...asked.filter((_, at) => reply[at]));
  }
  return mergeRanges(marks);
}

export interface Agreement {
  /** Share of the marked characters that the reference also marks. */
  precision: number;
  /** Share of the reference's characters that are marked. */
  recall: number;
  f1: number;
  /** Number of characters marked here, by the reference, and by both. */
  marked: number;
  reference: number;
  common: number;
}

/**
 * Measures by characters how well marks agree with a reference. Two empty sets agree fully; if only one is empty, there
 * is no agreement.
 */
export function agreement(marks: readonly DocumentRange[], reference: readonly DocumentRange[]): Agreement {
  const own = mergeRanges(marks);
  const other = mergeRanges(reference);
  const size = (ranges: readonly DocumentRange[]) => ranges.reduce((sum, range) => sum + range.end - range.start, 0);
  let common = 0;
  for (let i = 0, j = 0; i < own.length && j < other.length; ) {
    const a = own[i];
    const c = other[j];
    if (a.document === c.document) common += Math.max(0, Math.min(a.end, c.end) - Math.max(a.start, c.start));
    if (a.document < c.document || (a.document === c.document && a.end <= c.end)) i++;
    else j++;
  }
  const counts = { marked: size(own), reference: size(other), common };
  if (counts.marked === 0 && counts.reference === 0) return { precision: 1, recall: 1, f1: 1, ...counts };
  if (common === 0) return { precision: 0, recall: 0, f1: 0, ...counts };
  const precision = common / counts.marked;
  const recall = common / counts.reference;
  return { precision, recall, f1: (2 * precision * recall) / (precision + recall), ...counts };
}

/** The sentences of all documents, in order. */
export function sentencesOf(record: QuestionRecord): Sentence[] {
  return record.documents.flatMap(({ title = '', text }, document) =>
    splitSentences(text).map(({ start, end }) => ({ document, start, end, title, text: text.slice(start, end) })),
  );
}
