/**
 * The part of a text longer than its window that a model without memory sees: its ends, or what a search finds in
 * it.
 */

import type { QuestionRecord } from '../data/records.js';
import { bm25, wordsOf } from '../text/bm25.js';
import { type DocumentRenderer, renderDocuments } from '../text/documents.js';
import { splitSentences } from '../text/sentences.js';
import type { Tokenizer } from '../text/tokenizer.js';

export const CONTEXT_KINDS = ['truncate-head', 'truncate-tail', 'truncate-middle', 'bm25'] as const;
/** Keeps the head; the tail; both ends, the middle being cut out; or the passages nearest to the question. */
export type ContextKind = (typeof CONTEXT_KINDS)[number];

export interface Context {
  ids: number[];
  /** Tokens of the whole text. */
  length: number;
}

/** At most `tokens` tokens of a record's documents. */
export function contextOf(
  kind: ContextKind,
  record: QuestionRecord,
  tokenizer: Tokenizer,
  tokens: number,
  renderer: DocumentRenderer,
): Context {
  const whole = tokenizer.encodeText(renderDocuments(record.documents, renderer));
  const { length } = whole;
  if (kind === 'bm25') return { ids: retrieved(record, tokenizer, tokens, renderer), length };
  if (length <= tokens) return { ids: whole, length };
  if (kind === 'truncate-head') return { ids: whole.slice(0, tokens), length };
  if (kind === 'truncate-tail') return { ids: whole.slice(length - tokens), length };
  const front = Math.ceil(tokens / 2);
  return { ids: [...whole.slice(0, front), ...whole.slice(length - (tokens - front))], length };
}

interface Passage {
  document: number;
  text: string;
  words: string[];
}

/** Words of a passage of a longer document. */
const PASSAGE_WORDS = 100;

/** A sentence, or its parts of about 100 words if what looks like one sentence is a list or a table. */
function shortened(text: string, { start, end }: { start: number; end: number }): string[] {
  const words = text.slice(start, end).split(/\s+/);
  if (words.length <= 2 * PASSAGE_WORDS) return [text.slice(start, end)];
  return Array.from({ length: Math.ceil(words.length / PASSAGE_WORDS) }, (_, at) =>
    words.slice(at * PASSAGE_WORDS, (at + 1) * PASSAGE_WORDS).join(' '),
  );
}

/** Documents of up to 200 words whole, longer ones in runs of sentences of about 100. */
function passagesOf(record: QuestionRecord, renderer: DocumentRenderer): Passage[] {
  return record.documents.flatMap((document, index) => {
    const heading = renderer.heading(document, index);
    const passage = (text: string): Passage => ({
      document: index,
      text: heading + text,
      words: wordsOf(`${document.title ?? ''} ${text}`),
    });
    if (wordsOf(document.text).length <= 2 * PASSAGE_WORDS) return [passage(document.text)];
    const passages: Passage[] = [];
    let run: string[] = [];
    let count = 0;
    for (const sentence of splitSentences(document.text).flatMap((range) => shortened(document.text, range))) {
      run.push(sentence);
      count += wordsOf(sentence).length;
      if (count < PASSAGE_WORDS) continue;
      passages.push(passage(run.join(' ')));
      run = [];
      count = 0;
    }
    if (run.length > 0) passages.push(passage(run.join(' ')));
    return passages;
  });
}

/** The passages with the highest BM25 score for the question's words that fit, in the order of the text. */
function retrieved(record: QuestionRecord, tokenizer: Tokenizer, tokens: number, renderer: DocumentRenderer): number[] {
  const passages = passagesOf(record, renderer);
  const scores = bm25(
    new Set(wordsOf(record.question)),
    passages.map(({ words }) => words),
  );
  const order = passages.map((_, at) => at).sort((a, b) => scores[b] - scores[a] || a - b);
  const taken = new Map<number, number[]>();
  let left = tokens;
  for (const at of order) {
    const ids = tokenizer.encodeText(`${passages[at].text}\n`);
    if (ids.length > left) {
      // A first passage that alone is too long is cut rather than left out.
      if (taken.size === 0) taken.set(at, ids.slice(0, left));
      break;
    }
    taken.set(at, ids);
    left -= ids.length;
  }
  return [...taken].sort(([a], [b]) => a - b).flatMap(([, ids]) => ids);
}
