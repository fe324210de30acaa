/**
 * What a memory has to hold, and how much of it one holds: labels for a process reward model. Data sets mark whole
 * documents, of which a sentence or two support the answer; these are chosen here by words.
 */

import { bm25, wordsOf } from '../text/bm25.js';
import type { Chunk } from '../text/chunks.js';
import { splitSentences, type TextRange } from '../text/sentences.js';
import type { QuestionRecord } from './records.js';
import type { RelevanceMarks } from './relevance.js';

/** A sentence that supports the answer. */
export interface Fact {
  text: string;
  /** Of its document; empty if it has none. */
  title: string;
  /** Memory turn, from 0, after which all of it has been read. */
  turn: number;
}

/**
 * The supporting facts of a record that its chunks hold, in reading order. Where sentences are marked, these; where a
 * whole document is, the sentence of it that says most (BM25) about the question, the answers and the titles of the
 * other marked documents, and the best one that holds an answer. A sentence that no chunk ends is not a fact.
 */
export function supportingFacts(record: QuestionRecord, marks: RelevanceMarks, chunks: readonly Chunk[]): Fact[] {
  const answers = informativeAnswers(record);
  const marked = [...new Set(marks.map(({ document }) => document))];
  return marks
    .flatMap((mark) => {
      const { text, title = '' } = record.documents[mark.document];
      const others = marked.filter((at) => at !== mark.document).map((at) => record.documents[at].title ?? '');
      const query = new Set([record.question, ...record.answers, ...others].flatMap(wordsOf));
      return telling(text, mark, query, answers).flatMap(({ start, end }) => {
        const [first, turn] = [start, end - 1].map((offset) => turnReading(chunks, mark.document, offset));
        return first < 0 || turn < 0 ? [] : [{ text: text.slice(start, end), title, turn }];
      });
    })
    .sort((a, b) => a.turn - b.turn);
}

/** All sentences of a mark, or the best ones if it covers all of a document's text. */
function telling(
  text: string,
  { start, end }: TextRange,
  query: ReadonlySet<string>,
  answers: readonly string[][],
): TextRange[] {
  const sentences = splitSentences(text).filter((sentence) => sentence.start < end && sentence.end > start);
  if (start > 0 || end < text.length) return sentences;
  const words = sentences.map((sentence) => wordsOf(text.slice(sentence.start, sentence.end)));
  return best(words, query, answers).map((at) => sentences[at]);
}

/** The chunk that holds a character of a document's text; -1 if none does. */
function turnReading(chunks: readonly Chunk[], document: number, offset: number): number {
  return chunks.findIndex(({ pieces }) =>
    pieces.some(
      (piece) =>
        piece.document === document &&
        piece.part === 'text' &&
        piece.documentStart <= offset &&
        offset < piece.documentEnd,
    ),
  );
}

/** Numbers of the chosen sentences, rising. */
function best(sentences: readonly string[][], query: ReadonlySet<string>, answers: readonly string[][]): number[] {
  const scores = bm25(query, sentences);
  const order = sentences.map((_, at) => at).sort((a, b) => scores[b] - scores[a] || a - b);
  const answering = order.find((at) => answers.some((answer) => holdsRun(sentences[at], answer)));
  const chosen = [...new Set([order[0], answering])].filter((at) => at !== undefined);
  return chosen.sort((a, b) => a - b);
}

/**
 * Share in [0, 1] of what is needed after a memory turn that a memory holds; undefined while nothing needed has been
 * read. Once a fact with an answer has been read, the answer is needed: the share of its content words, the best over
 * the alternatives. Before that, and for answers that are yes, no or words of the question, the facts are needed: the
 * mean over those read so far of the share of their names and numbers (words with a capital or a digit; of a fact
 * without any, all content words). Words of the question tell nothing and do not count.
 */
export function factsHeld(
  record: Pick<QuestionRecord, 'question' | 'answers'>,
  facts: readonly Fact[],
): (turn: number, memory: string) => number | undefined {
  const asked = new Set(wordsOf(record.question));
  const answers = informativeAnswers(record).map((answer) => ({
    words: said(answer),
    turn:
      facts.find(({ text, title }) => holdsRun(wordsOf(`${title} ${text}`), answer))?.turn ?? Number.POSITIVE_INFINITY,
  }));
  const needed = facts
    .map(({ text, turn }) => ({ turn, words: keyWords(text).filter((word) => !asked.has(word)) }))
    .filter(({ words }) => words.length > 0);
  return (turn, memory) => {
    const held = new Set(wordsOf(memory));
    const read = answers.filter((answer) => answer.turn <= turn);
    const shares = (read.length > 0 ? read : needed.filter((fact) => fact.turn <= turn)).map(
      ({ words }) => words.filter((word) => held.has(word)).length / words.length,
    );
    if (shares.length === 0) return undefined;
    return read.length > 0 ? Math.max(...shares) : shares.reduce((a, b) => a + b, 0) / shares.length;
  };
}

/** "Danube" contains "the Danube"; "it" contains "It". */
function said(answer: readonly string[]): readonly string[] {
  const content = answer.filter((word) => !FUNCTION_WORDS.has(word));
  return content.length > 0 ? content : answer;
}

/** The words of each answer that says something which the question does not: not yes, no, or one of its own names. */
function informativeAnswers({ question, answers }: Pick<QuestionRecord, 'question' | 'answers'>): string[][] {
  const asked = wordsOf(question);
  return answers
    .map((answer) => wordsOf(answer))
    .filter((words) => words.length > 0 && !CLOSED.has(words.join(' ')) && !holdsRun(asked, words));
}

const CLOSED = new Set(['yes', 'no', 'noanswer']);

function holdsRun(words: readonly string[], run: readonly string[]): boolean {
  return ` ${words.join(' ')} `.includes(` ${run.join(' ')} `);
}

const FUNCTION_WORDS = new Set(
  'a an the and or but of in on at to for from by with as is are was were be been being it its he she his her they their them that this these those which who whom whose what when where how not also has have had do does did into after before than then there'.split(
    ' ',
  ),
);

/** The words of a text that say something, lower case, in order. */
export function contentWords(text: string): string[] {
  return wordsOf(text).filter((word) => !FUNCTION_WORDS.has(word));
}

/** Names and numbers of a text, each once, lower case; all content words if it has none. */
export function keyWords(text: string): string[] {
  const spelled = text.normalize('NFC').match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  const names = contentWords(spelled.filter((word) => /[\p{Lu}\p{N}]/u.test(word)).join(' '));
  return [...new Set(names.length > 0 ? names : contentWords(text))];
}
