/**
 * RULER-HQA (MemAgent, arXiv 2507.02259): a question's own paragraphs hidden among any number of paragraphs of other
 * questions. No borrowed paragraph contains the gold answer.
 */

import { SeededRandom } from '../../base/random.js';
import { DataError } from '../errors.js';
import type { QuestionRecord } from '../records.js';

type RecordDocument = QuestionRecord['documents'][number];

export interface RulerHqaOptions {
  /** Number of documents in each record, including its own. */
  documents: number;
  seed: number;
}

/** Answers that occur in any text, so that finding them means nothing. */
const EVERYWHERE = new Set(['yes', 'no']);

/** Lowercase words with single spaces around, so that whole words can be looked for. */
function words(text: string): string {
  return ` ${(
    text
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  ).join(' ')} `;
}

/** Paragraphs to borrow, without duplicates. */
export class DocumentPool {
  readonly #documents: RecordDocument[] = [];
  /** The result of `words` for each document, computed on first use. */
  readonly #words: (string | undefined)[] = [];
  readonly #seen = new Set<string>();

  add(record: QuestionRecord): void {
    for (const { title, text } of record.documents) {
      const key = words(text);
      if (text.trim() === '' || this.#seen.has(key)) continue;
      this.#seen.add(key);
      this.#documents.push({ ...(title === undefined ? {} : { title }), text });
    }
  }

  get size(): number {
    return this.#documents.length;
  }

  document(at: number): RecordDocument {
    return this.#documents[at];
  }

  words(at: number): string {
    this.#words[at] ??= words(`${this.#documents[at].title ?? ''} ${this.#documents[at].text}`);
    return this.#words[at];
  }
}

/**
 * Hides the record's own documents among borrowed ones. Their positions depend only on the seed and the record's id. If
 * the record has more documents than requested, irrelevant ones are left out.
 * @throws DataError `invalid-argument` if its relevant documents alone exceed the number, or the pool is too small.
 */
export function rulerHqa(record: QuestionRecord, pool: DocumentPool, options: RulerHqaOptions): QuestionRecord {
  const { documents: total, seed } = options;
  const relevant = record.documents.filter((document) => document.relevant !== false).length;
  if (!Number.isInteger(total) || total < Math.max(1, Math.min(relevant, record.documents.length))) {
    throw new DataError(
      'invalid-argument',
      `Record ${JSON.stringify(record.id)} has ${relevant} documents that the answer may need, but ${total} were requested. Ask for at least ${relevant}.`,
    );
  }
  const random = new SeededRandom('ruler-hqa', seed, record.id);
  const own = ownDocuments(record, total);
  const places = new Set(random.shuffled(Array.from({ length: total }, (_, at) => at)).slice(0, own.length));
  const order = random.shuffled(own);
  const borrowed = borrow(record, pool, total - own.length, random);
  let taken = 0;
  let lent = 0;
  const documents = Array.from({ length: total }, (_, at) => (places.has(at) ? order[taken++] : borrowed[lent++]));
  const { id, question, answers, answersWanted, metric, labels } = record;
  return {
    id,
    source: `ruler-hqa-${total}`,
    question,
    answers,
    ...(answersWanted && { answersWanted }),
    metric: metric ?? 'sub_exact_match',
    ...(labels && { labels }),
    documents,
  };
}

function ownDocuments(record: QuestionRecord, total: number): RecordDocument[] {
  if (record.documents.length <= total) return record.documents;
  const needed = record.documents.filter((document) => document.relevant !== false);
  const others = record.documents.filter((document) => document.relevant === false);
  return [...needed, ...others.slice(0, total - needed.length)];
}

function borrow(record: QuestionRecord, pool: DocumentPool, count: number, random: SeededRandom): RecordDocument[] {
  if (count === 0) return [];
  const own = new Set(record.documents.map(({ text }) => words(text)));
  const answers = record.answers.map(words).filter((answer) => answer.trim() !== '' && !EVERYWHERE.has(answer.trim()));
  const borrowed: RecordDocument[] = [];
  for (const at of random.shuffled(Array.from({ length: pool.size }, (_, index) => index))) {
    const text = pool.words(at);
    if (own.has(words(pool.document(at).text)) || answers.some((answer) => text.includes(answer))) continue;
    borrowed.push({ ...pool.document(at), relevant: false });
    if (borrowed.length === count) return borrowed;
  }
  throw new DataError(
    'invalid-argument',
    `Record ${JSON.stringify(record.id)} needs ${count} documents of other records, but only ${borrowed.length} of ${pool.size} can be used (they must not be its own or contain its answer). Ask for fewer documents, or add records to borrow from.`,
  );
}
