/** Sentences of books, between which stories are hidden. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { count, percent } from '../../base/format.js';
import { splitSentences } from '../../text/sentences.js';
import type { Tokenizer } from '../../text/tokenizer.js';
import { DataError } from '../errors.js';
import { readLines } from '../files/lines.js';
import { readRecords } from '../records.js';
import { WORLD_WORDS } from './events.js';

/** Folder of the two books that come with the package. The relative path is the same from src/ and from dist/. */
export const EMBEDDED_BOOKS = fileURLToPath(new URL('../../../books', import.meta.url));

/** Share of sentences that may name both a person and a place or object of the stories. */
const MOST_LIKE_FACTS = 0.005;
const FEW = 3;
/** Characters of a paragraph; what is longer is cut at its line breaks. Splitting sentences slows down with length. */
const LONGEST_PARAGRAPH = 20_000;

const TEXT_FILE = /\.txt(\.gz|\.zst)?$/i;
const RECORD_FILE = /\.jsonl(\.gz|\.zst)?$/i;

export interface BooksOptions {
  /** Take books whose sentences can be mistaken for facts of the stories; default false. */
  anyWords?: boolean;
}

/** Of all sentences, the places in one long text. */
interface Sentences {
  starts: number[];
  ends: number[];
}

/** The sentences of one or several books in order. */
export class Books {
  readonly #texts: readonly { text: string; sentences: Sentences }[];
  /** Number of the first sentence of each text. */
  readonly #firsts: number[] = [];
  readonly size: number;
  readonly #tokens = new WeakMap<Tokenizer, Int32Array>();

  constructor(texts: readonly string[]) {
    let size = 0;
    this.#texts = texts.map((raw) => {
      const text = unwrapped(raw);
      const ranges = splitSentences(text);
      this.#firsts.push(size);
      size += ranges.length;
      return { text, sentences: { starts: ranges.map(({ start }) => start), ends: ranges.map(({ end }) => end) } };
    });
    this.size = size;
  }

  /**
   * Books of text files (UTF-8, also .gz or .zst), of folders of them, or of files of question records, whose documents
   * they are.
   * @throws DataError `file` if one cannot be read, has no text, or can be mistaken for the stories.
   */
  static async open(paths: readonly string[], { anyWords = false }: BooksOptions = {}): Promise<Books> {
    const files = (await Promise.all(paths.map(filesOf))).flat();
    const texts: string[] = [];
    const likeFacts = new LikeFacts();
    for (const file of files) {
      const text = withoutLicence(RECORD_FILE.test(file) ? await textOfRecords(file) : await textOfFile(file));
      if (text.trim() === '') throw new DataError('file', `${file} has no text; expected a book.`);
      likeFacts.look(text, file);
      texts.push(text);
    }
    const books = new Books(texts);
    if (!anyWords) likeFacts.check(books.size);
    return books;
  }

  sentence(at: number): string {
    const book = this.#firsts.findLastIndex((first) => first <= at);
    const { text, sentences } = this.#texts[book];
    const own = at - this.#firsts[book];
    return text.slice(sentences.starts[own], sentences.ends[own]);
  }

  /** Tokens of a sentence after a space; counted when first asked for. */
  tokens(at: number, tokenizer: Tokenizer): number {
    let counts = this.#tokens.get(tokenizer);
    if (counts === undefined) {
      counts = new Int32Array(this.size);
      this.#tokens.set(tokenizer, counts);
    }
    if (counts[at] === 0) counts[at] = tokenizer.encodeText(` ${this.sentence(at)}`).length;
    return counts[at];
  }
}

async function filesOf(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new DataError('file', `There is no book at ${path}; expected a text file or a folder of them.`);
  if (!found.isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => TEXT_FILE.test(name) || RECORD_FILE.test(name)).sort();
  if (names.length === 0) {
    throw new DataError('file', `The folder ${path} has no books; expected files whose names end in .txt or .txt.gz.`);
  }
  return names.map((name) => join(path, name));
}

async function textOfFile(path: string): Promise<string> {
  const lines: string[] = [];
  for await (const line of readLines(path)) {
    if (!('text' in line)) {
      const what = line.problem === 'encoding' ? 'not UTF-8 text' : 'too long for a line of a book';
      throw new DataError(
        'file',
        `${path}, line ${line.line}: ${what}. Convert the book, for example with iconv -f ISO-8859-1 -t UTF-8.`,
        { line: line.line },
      );
    }
    // Empty lines, which are left out by the reader, end paragraphs.
    while (lines.length < line.line - 1) lines.push('');
    lines.push(line.text);
  }
  return lines.join('\n');
}

async function textOfRecords(path: string): Promise<string> {
  const texts: string[] = [];
  for await (const { documents } of readRecords(path, { requireGold: false, strict: true }))
    texts.push(...documents.map(({ text }) => text));
  return texts.join('\n');
}

/** The text between Project Gutenberg's marks, if it has them. Lines keep their numbers. */
function withoutLicence(text: string): string {
  const start = /^\*\*\* ?START OF TH(?:E|IS) PROJECT GUTENBERG.*$/im.exec(text);
  const end = /^\*\*\* ?END OF TH(?:E|IS) PROJECT GUTENBERG.*$/im.exec(text);
  const from = start === null ? 0 : start.index + start[0].length;
  return text.slice(0, from).replaceAll(/[^\n]/g, '') + text.slice(from, end === null ? text.length : end.index);
}

/** One line for each paragraph. In a text without empty lines, each line is a paragraph. */
function unwrapped(text: string): string {
  if (!/\n[ \t\r]*\n/.test(text.trim())) return text;
  return text
    .split(/\n[ \t\r]*\n/)
    .map(inOneLine)
    .filter((paragraph) => paragraph !== '')
    .join('\n');
}

function inOneLine(paragraph: string): string {
  return paragraph.length > LONGEST_PARAGRAPH ? paragraph : paragraph.replaceAll(/\s+/g, ' ').trim();
}

/** Counts the sentences that could be taken for facts: "Mary walked into the garden." */
class LikeFacts {
  static readonly #person = new RegExp(`\\b(?:${WORLD_WORDS.persons.join('|')})\\b`);
  static readonly #thing = new RegExp(`\\b(?:${[...WORLD_WORDS.places, ...WORLD_WORDS.objects].join('|')})\\b`);
  #count = 0;
  #first: { file: string; line: number; sentence: string } | undefined;

  look(text: string, file: string): void {
    let line = 1;
    for (const paragraph of text.split(/(\n[ \t\r]*\n)/)) {
      if (LikeFacts.#person.test(paragraph) && LikeFacts.#thing.test(paragraph)) this.#lookIn(paragraph, file, line);
      line += paragraph.split('\n').length - 1;
    }
  }

  #lookIn(paragraph: string, file: string, line: number): void {
    const text = inOneLine(paragraph);
    for (const { start, end } of splitSentences(text)) {
      const sentence = text.slice(start, end);
      if (!LikeFacts.#person.test(sentence) || !LikeFacts.#thing.test(sentence)) continue;
      this.#count++;
      const before = paragraph.slice(0, Math.max(0, paragraph.indexOf(sentence.slice(0, 12))));
      this.#first ??= { file, line: line + before.split('\n').length - 1, sentence };
    }
  }

  /** @throws DataError `file` if there are too many among all sentences. */
  check(sentences: number): void {
    if (this.#first === undefined || this.#count <= Math.max(FEW, MOST_LIKE_FACTS * sentences)) return;
    const { file, line, sentence } = this.#first;
    throw new DataError(
      'file',
      `${count(this.#count)} of the books' ${count(sentences)} sentences (${percent(this.#count / sentences)}) name a person of the stories and a place or object of theirs, so that they can be taken for facts; the first is ${file}, line ${line}: ${JSON.stringify(sentence.slice(0, 80))}. Take other books, or accept them with --any-books.`,
      { line },
    );
  }
}
