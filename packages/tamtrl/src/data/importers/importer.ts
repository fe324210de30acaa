/** The interface of an importer, which turns a row of a published data set into records. */

import type { PlacedRow, Row } from '../files/rows.js';
import type { QuestionRecord } from '../records.js';

/** The reason why a row gives no record. */
export interface Unusable {
  problem: string;
}

export interface ImportContext {
  /** Name for `source`, for example "hotpotqa/train". */
  source: string;
  /** Path of the file that is read, whose name may say what the row does not. */
  file: string;
  /** Place of the row in the file: "line 3", "row 17". */
  place: string;
  /**
   * Titles and texts of the relevant paragraphs by question, from the original HotpotQA; for data sets that lack them.
   */
  evidence?: EvidenceIndex;
  /** Mark the supporting sentences (`evidence` of the record), not only their paragraphs. */
  sentences?: boolean;
}

export interface Importer {
  readonly name: string;
  /** One line, for lists of importers. */
  readonly summary: string;
  /** Its rows name supporting sentences. */
  readonly hasSentences?: boolean;
  /** For files that are neither Parquet nor JSON: whether this is one, and its rows. */
  isFile?(path: string): Promise<boolean>;
  rows?(path: string): AsyncGenerator<PlacedRow>;
  /** Whether the row looks like a row of this data set. */
  recognises(row: Row): boolean;
  /** The records of a row; a row may hold several questions. */
  convert(row: Row, context: ImportContext): (QuestionRecord | Unusable)[];
}

/** Supporting paragraphs by normalised question. */
export class EvidenceIndex {
  readonly #paragraphs = new Map<string, { title: string; text: string }[]>();

  add(record: QuestionRecord): void {
    const relevant = record.documents.filter((document) => document.relevant);
    this.#paragraphs.set(
      plain(record.question),
      relevant.map(({ title = '', text }) => ({ title, text })),
    );
  }

  get size(): number {
    return this.#paragraphs.size;
  }

  /**
   * Undefined if the question is not known. A document is relevant if it contains the beginning of a supporting
   * paragraph or has its title.
   */
  relevanceOf(question: string): ((text: string) => boolean) | undefined {
    const paragraphs = this.#paragraphs.get(plain(question));
    if (!paragraphs) return undefined;
    const beginnings = paragraphs.map(({ text }) => plain(text).slice(0, 120));
    const titles = new Set(paragraphs.map(({ title }) => plain(title)));
    return (text) => {
      const whole = plain(text);
      return (
        titles.has(plain(text.split('\n', 1)[0])) || beginnings.some((start) => start !== '' && whole.includes(start))
      );
    };
  }
}

/** One form for texts that differ only in case, white space and punctuation. */
function plain(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}

export function isObject(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Strings of an array; a string alone is an array of one. */
export function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

/**
 * Gold answers of a value or an array of them: strings, numbers as they are written, yes and no for booleans, with the
 * word itself as an alternative.
 */
export function answersOf(...values: unknown[]): string[] {
  return distinct(
    values.flat(2).flatMap((value): string[] => {
      if (typeof value === 'boolean') return value ? ['yes', 'true'] : ['no', 'false'];
      return typeof value === 'string' ? [value] : [identifier(value)];
    }),
  );
}

/** The documents with their marks; without marks if none is relevant, since the relevant text is then unknown. */
export function withKnownRelevance<Document extends { relevant?: boolean }>(
  documents: readonly Document[],
): Document[] {
  if (documents.some(({ relevant }) => relevant)) return [...documents];
  return documents.map(({ relevant: _, ...document }) => document as Document);
}

/** Numbers may come from parquet as bigint. */
export const identifier = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' ? String(value) : '';

/** Answers without empty or repeated ones. */
export function distinct(answers: readonly string[]): string[] {
  return [...new Set(answers.map((answer) => answer.trim()).filter((answer) => answer !== ''))];
}
