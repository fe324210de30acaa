/** The documents that people name: files, folders, patterns, addresses, and the standard input. */
import { stat } from 'node:fs/promises';
import { glob, isDynamicPattern } from 'tinyglobby';
import { ReaderError } from '../errors.js';
import { type DocumentPlace, STDIN } from './document-place.js';
import { isPlain } from './kinds.js';
import { isAddress } from './page.js';
import { documentsAt, documentsAtFile } from './several.js';

/**
 * Every document that one of the names stands for, once, in their order.
 * @throws ReaderError `input` if a pattern matches no file, or a folder has none.
 */
export async function documentsNamed(
  names: readonly string[],
  onNote?: (note: string) => void,
): Promise<DocumentPlace[]> {
  const documents = new Map<string, DocumentPlace>();
  for (const name of names) {
    for (const path of await pathsOf(name)) {
      for (const each of await documentsAt(path, onNote)) documents.set(each.path, each);
    }
  }
  return [...documents.values()];
}

/** Why a reading cannot be made as it is asked for; undefined if it can. @param named what is read */
export function problemOf(
  named: readonly string[],
  { each, followUp, chat }: { each?: boolean; followUp?: readonly string[]; chat?: boolean },
): string | undefined {
  if (named.length === 0)
    return 'There is nothing to read: name files (or - for stdin) before the question, as in tamtrl ask book.txt "Who did it?"';
  if (each && (followUp || chat))
    return '--each makes a reading for each document, which --follow-up and --chat cannot go on from: leave them out.';
  if (chat && named.includes(STDIN))
    return '--chat takes questions from stdin, which "-" names as the text. Save the text in a file first.';
  return undefined;
}

/** The last of the arguments. @throws ReaderError `input` if it is something to read: the question was forgotten. */
export async function lastQuestion(inputs: readonly string[]): Promise<string> {
  const last = inputs.at(-1) ?? '';
  const kind = await kindOfNamed(last);
  if (kind === undefined) return last;
  throw new ReaderError(
    'input',
    `${last} is ${kind}, but the last argument is the question. Add the question after it, or give it with -q.`,
  );
}

/** "a file", "a folder" or "an address" if a name stands for one, undefined if it is other text. */
async function kindOfNamed(name: string): Promise<string | undefined> {
  if (isAddress(name) && !/\s/.test(name)) return 'an address';
  return kindOfPath(name);
}

/** The same of what is a path, if it is anything. */
export async function kindOfPath(path: string): Promise<'a file' | 'a folder' | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() ? 'a file' : found?.isDirectory() ? 'a folder' : undefined;
}

async function pathsOf(name: string): Promise<string[]> {
  // A file whose name looks like a pattern is a file, and so is an address.
  if (name === STDIN || isAddress(name) || !isDynamicPattern(name)) return [name];
  if (await stat(name).catch(() => undefined)) return [name];
  const found = await glob(name, { absolute: false, dot: false });
  if (found.length === 0) throw new ReaderError('input', `No file matches ${name}.`);
  return found.sort();
}

/** About how many characters a file has, or all files in a folder. @throws ReaderError `input` if it has none. */
export async function charactersAt(file: string | URL): Promise<number | undefined> {
  return charactersOf(await documentsAtFile(file));
}

/**
 * About how many characters the documents have: bytes stand for characters. Undefined if that is known only at the
 * end.
 */
export async function charactersOf(documents: readonly DocumentPlace[]): Promise<number | undefined> {
  let total = 0;
  for (const { path } of documents) {
    const isFile = path !== STDIN && !isAddress(path) && isPlain(path);
    const found = isFile ? await stat(path).catch(() => undefined) : undefined;
    if (!found) return undefined;
    total += found.size;
  }
  return total;
}
