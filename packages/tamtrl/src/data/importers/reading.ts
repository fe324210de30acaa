/** SQuAD, NarrativeQA and LongBench. */
import { splitSentences } from '../../text/sentences.js';
import type { Row } from '../files/rows.js';
import { metricOf } from '../metrics.js';
import type { QuestionRecord } from '../records.js';
import { answersOf, distinct, type Importer, identifier, isObject, text, texts, type Unusable } from './importer.js';

interface SquadQuestion {
  id: string;
  question: string;
  answers: { text: string; start: number }[];
  impossible: boolean;
}

/**
 * The paragraphs of an article are the documents of each of its questions. One is relevant; the others are distractors.
 */
function squadRecords(
  title: string,
  paragraphs: readonly { context: string; questions: SquadQuestion[] }[],
  source: string,
): (QuestionRecord | Unusable)[] {
  return paragraphs.flatMap(({ questions }, own) =>
    questions.map(({ id, question, answers, impossible }): QuestionRecord | Unusable => {
      const given = distinct(answers.map((answer) => answer.text));
      if (impossible || given.length === 0) return { problem: `question ${id} is marked unanswerable` };
      const documents = paragraphs.map(({ context }, at) => ({ title, text: context, relevant: at === own }));
      const { context } = paragraphs[own];
      // The sentence of the first answer is the finest annotation there is.
      const place = placeOf(answers[0], context);
      const sentence = splitSentences(context).find(({ start, end }) => place >= start && place < end);
      const evidence = sentence ? [{ document: own, start: sentence.start, end: sentence.end }] : undefined;
      return { id, source, question, answers: given, metric: 'f1', documents, ...(evidence ? { evidence } : {}) };
    }),
  );
}

/** Where an answer is, in code units; -1 if it is not there. SQuAD's offsets count code points, as Python does. */
function placeOf({ text: answer, start }: { text: string; start: number }, context: string): number {
  if (!Number.isInteger(start) || start < 0) return -1;
  const units = [...context].slice(0, start).join('').length;
  // Some copies count code units.
  return [units, start].find((place) => context.startsWith(answer, place)) ?? -1;
}

function squadAnswers(value: unknown): { text: string; start: number }[] {
  if (Array.isArray(value)) {
    return value
      .filter(isObject)
      .map((answer) => ({ text: text(answer.text), start: Number(answer.answer_start ?? -1) }));
  }
  if (!isObject(value)) return [];
  const starts = Array.isArray(value.answer_start) ? value.answer_start : [];
  return texts(value.text).map((answer, at) => ({ text: answer, start: Number(starts[at] ?? -1) }));
}

export const squad: Importer = {
  name: 'squad',
  summary:
    'SQuAD 1.1 and 2.0, the original JSON (documents: the paragraphs of an article) or its Parquet copy; unanswerable questions are left out',
  recognises: (row) =>
    Array.isArray(row.paragraphs) ||
    (typeof row.context === 'string' && isObject(row.answers) && 'answer_start' in row.answers),
  convert(row, { source }) {
    const title = text(row.title);
    const question = (from: Row): SquadQuestion => ({
      id: identifier(from.id),
      question: text(from.question),
      answers: squadAnswers(from.answers),
      impossible: from.is_impossible === true,
    });
    if (!Array.isArray(row.paragraphs)) {
      return squadRecords(title, [{ context: text(row.context), questions: [question(row)] }], source);
    }
    const paragraphs = row.paragraphs.filter(isObject).map((paragraph) => ({
      context: text(paragraph.context),
      questions: (Array.isArray(paragraph.qas) ? paragraph.qas : []).filter(isObject).map(question),
    }));
    return squadRecords(title, paragraphs, source);
  },
};

export const narrativeqa: Importer = {
  name: 'narrativeqa',
  summary: 'NarrativeQA, Parquet or JSON Lines with the full texts',
  recognises: (row) => isObject(row.document) && isObject(row.question),
  convert(row, { source }) {
    const document = row.document as Row;
    const question = text((row.question as Row).text);
    const answers = distinct(
      (Array.isArray(row.answers) ? row.answers : []).filter(isObject).map((answer) => text(answer.text)),
    );
    const story = text(document.text);
    if (story === '') return [{ problem: 'has no text: the file needs the full stories of NarrativeQA' }];
    if (answers.length === 0) return [{ problem: 'has no answer' }];
    const title = isObject(document.summary) ? text(document.summary.title) : '';
    // The data set has no ids for questions; the story's id and the question together make one.
    const id = `${identifier(document.id)}/${question}`;
    return [{ id, source, question, answers, metric: 'rouge_l', documents: [{ title, text: story }] }];
  },
};

/** "Passage 3:" at the start of a line, as in LongBench's multi-document sets. */
const PASSAGE = /^Passage \d+:\n/m;

export const longbench: Importer = {
  name: 'longbench',
  summary: 'LongBench, JSON Lines',
  recognises: (row) => typeof row.input === 'string' && typeof row.context === 'string' && 'all_classes' in row,
  convert(row, { source }) {
    const answers = answersOf(row.answers);
    if (answers.length === 0) return [{ problem: 'has no answers' }];
    const context = text(row.context);
    const passages = PASSAGE.test(context)
      ? context.split(PASSAGE).filter((passage) => passage.trim() !== '')
      : [context];
    if (context.trim() === '') return [{ problem: 'has no context' }];
    const documents = passages.map((passage) => {
      const [first, ...rest] = passage.trim().split('\n');
      return passages.length > 1 && rest.length > 0
        ? { title: first, text: rest.join('\n') }
        : { text: passage.trim() };
    });
    const dataset = text(row.dataset);
    const from = dataset === '' ? source : `longbench/${dataset}`;
    const labels = answersOf(row.all_classes);
    return [
      {
        id: identifier(row._id),
        source: from,
        question: text(row.input),
        answers,
        metric: metricOf({ source: from }),
        ...(labels.length > 0 ? { labels } : {}),
        documents,
      },
    ];
  },
};
