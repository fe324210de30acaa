/** What the chunks read so far say about a question, split into words for the features of memories. */

import { contentWords, keyWords } from '../data/facts.js';
import { bm25, wordsOf } from '../text/bm25.js';
import { splitSentences } from '../text/sentences.js';

/** New words are content words that the question does not have. */
export interface Evidence {
  /** Words of the question. */
  asked: ReadonlySet<string>;
  /** New words of each sentence, once each, for each chunk that has any. [chunks][sentences][words] */
  passages: readonly (readonly (readonly string[])[])[];
  /** New words of the sentences, that nearest to the question (BM25) first. [sentences][words] */
  nearest: readonly (readonly string[])[];
  words: ReadonlySet<string>;
  /** New words with a capital. */
  names: readonly string[];
  /** New words with a digit. */
  numbers: readonly string[];
  /** New words that occur in more than one chunk. */
  bridges: readonly string[];
  /** Neighbouring words of a sentence. */
  pairs: ReadonlySet<string>;
  /** For words of the question: the last word on the way from each to the word after it, from sentence to sentence. */
  ends: ReadonlyMap<string, string>;
  /** Words at the end of sentences whose first word is neither asked nor led to yet. */
  loose: readonly string[];
  asksNumber: boolean;
  /** The question begins as those do whose answer is yes or no. */
  closed: boolean;
}

const NUMBER = /\b(when|year|years|many|much|old|long|date|number|age|century)\b/i;
const CLOSED = /^\W*(is|are|was|were|do|does|did|has|have|had|can|could)\b/i;

/** @param evidence what each chunk says that matters, in order; empty if it says nothing */
export function evidenceOf(question: string, evidence: readonly string[]): Evidence {
  const asked = new Set(wordsOf(question));
  const isNew = (word: string) => !asked.has(word);
  const newWords = (text: string) => [...new Set(contentWords(text).filter(isNew))];
  const texts = evidence.map((text) => splitSentences(text).map(({ start, end }) => text.slice(start, end)));
  const sentences = texts.flat();
  const words = sentences.map((text) => wordsOf(text));
  const keys = [...new Set(sentences.flatMap(keyWords))].filter(isNew);
  const passages = texts
    .map((passage) => passage.map(newWords).filter((found) => found.length > 0))
    .filter((passage) => passage.length > 0);
  const scores = bm25(asked, words);
  const order = sentences.map((_, at) => at).sort((a, b) => scores[b] - scores[a] || a - b);
  return {
    asked,
    passages,
    nearest: order.map((at) => newWords(sentences[at])).filter((found) => found.length > 0),
    words: new Set(passages.flat(2)),
    names: keys.filter((word) => !/\d/.test(word)),
    numbers: keys.filter((word) => /\d/.test(word)),
    bridges: repeated(passages.map((passage) => new Set(passage.flat()))),
    pairs: new Set(words.flatMap(pairsOf)),
    ...chains(words, asked),
    asksNumber: NUMBER.test(question),
    closed: CLOSED.test(question),
  };
}

/** Each word with the one before it. */
export function pairsOf(words: readonly string[]): string[] {
  return words.slice(1).map((word, at) => `${words[at]} ${word}`);
}

function repeated(sets: readonly ReadonlySet<string>[]): string[] {
  const counts = new Map<string, number>();
  for (const set of sets) for (const word of set) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].filter(([, count]) => count > 1).map(([word]) => word);
}

/** "anna nora" and "nora oslo" lead from anna to oslo; without the first, nora leads to oslo and nothing to nora. */
function chains(sentences: readonly string[][], asked: ReadonlySet<string>): Pick<Evidence, 'ends' | 'loose'> {
  const next = new Map<string, string>();
  for (const words of sentences) {
    words.slice(1).forEach((word, at) => {
      if (!next.has(words[at])) next.set(words[at], word);
    });
  }
  const passed = new Set<string>();
  const ends = new Map<string, string>();
  for (const key of asked) {
    let end = next.get(key);
    if (end === undefined) continue;
    const seen = new Set([key, end]);
    for (let step = next.get(end); step !== undefined && !seen.has(step); step = next.get(step)) {
      seen.add(step);
      end = step;
    }
    for (const word of seen) passed.add(word);
    ends.set(key, end);
  }
  const loose = sentences
    .filter((words) => words.length > 0 && !passed.has(words[0]))
    .map((words) => words[words.length - 1]);
  return { ends, loose };
}
