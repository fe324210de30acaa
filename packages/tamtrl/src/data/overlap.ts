/** Records that two sets share: the same id, or the same question over the same documents. */
import { createHash } from 'node:crypto';
import type { QuestionRecord } from './records.js';

/** A key of a record's content, independent of its id and the order of its documents. */
export function contentKey({ question, documents }: Pick<QuestionRecord, 'question' | 'documents'>): string {
  const plain = (text: string) => text.trim().toLowerCase().replaceAll(/\s+/g, ' ');
  const hash = createHash('sha256').update(plain(question));
  for (const text of documents.map(({ text }) => plain(text)).sort()) hash.update('\0').update(text);
  return hash.digest('hex').slice(0, 16);
}

/** What identifies a record. */
export interface RecordKey {
  id: string;
  content: string;
}

export function keyOf(record: QuestionRecord): RecordKey {
  return { id: record.id, content: contentKey(record) };
}

export interface SharedRecord {
  /** Of the record in the second set. */
  id: string;
  /** Of the record with the same content in the first set, if its id is another one. */
  as?: string;
}

/** Records of `second` that are in `first` too, in order. */
export function sharedRecords(first: readonly RecordKey[], second: readonly RecordKey[]): SharedRecord[] {
  const ids = new Set(first.map(({ id }) => id));
  const byContent = new Map(first.map(({ id, content }) => [content, id]));
  return second.flatMap(({ id, content }): SharedRecord[] => {
    if (ids.has(id)) return [{ id }];
    const as = byContent.get(content);
    return as === undefined ? [] : [{ id, as }];
  });
}

/** "q1", "q7" (there "t9"), … */
export function sharedNames(shared: readonly SharedRecord[], most = 3): string {
  const names = shared
    .slice(0, most)
    .map(({ id, as }) => JSON.stringify(id) + (as === undefined ? '' : ` (there ${JSON.stringify(as)})`));
  return `${names.join(', ')}${shared.length > most ? ', …' : ''}`;
}
