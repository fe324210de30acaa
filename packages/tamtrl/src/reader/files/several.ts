/** The text of several documents, as `tamtrl ask` reads it. */
import { stat } from 'node:fs/promises';
import { basename, dirname, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ReaderError } from '../errors.js';
import { type PlacedText, placedUnder } from '../places.js';
import { contentOfStream } from './content.js';
import { type DocumentPlace, STDIN } from './document-place.js';
import { type LoadOptions, loadContent, loadText } from './load.js';
import { fetchPage, isAddress, shown } from './page.js';

/** The documents that a name stands for: a folder's files, or the one that it names. @throws ReaderError `input` */
export async function documentsAt(name: string, onNote?: (note: string) => void): Promise<DocumentPlace[]> {
  return name === STDIN || isAddress(name) ? [{ path: name }] : documentsIn(name, onNote);
}

/** The same of a name that is a path, whatever it looks like. */
export async function documentsIn(path: string, onNote?: (note: string) => void): Promise<DocumentPlace[]> {
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory();
  return isFolder ? (await import('./folder.js')).filesUnder(path, onNote) : [{ path }];
}

/**
 * The text of a file or a page, or of all files in a folder as one.
 * @throws ReaderError `input` for what cannot be read, `empty` for what has no text.
 */
export async function* textAt(file: string | URL, options: SeveralOptions = {}): AsyncGenerator<PlacedText> {
  const read = (each: string) => (isAddress(each) ? textOfPage(each, options) : loadText(each, options));
  yield* textOfFiles(await documentsAtFile(file, options.onNote), { ...options, read });
}

/** The documents that `{ file }` stands for, a folder's files among them. @throws ReaderError `input` */
export async function documentsAtFile(file: string | URL, onNote?: (note: string) => void): Promise<DocumentPlace[]> {
  const name = nameOfFile(file);
  return isAddress(name) ? [{ path: name }] : documentsIn(name, onNote);
}

/** A path as it is, or that of a `file:` address; http(s) addresses stay. @throws ReaderError `input` for others. */
export function nameOfFile(file: string | URL): string {
  const name = String(file);
  if (isAddress(name) || (typeof file === 'string' && !/^file:/i.test(name))) return name;
  try {
    return fileURLToPath(name);
  } catch (error) {
    throw new ReaderError('input', `Cannot read ${shown(name)}: expected an address of http, https or a local file.`, {
      cause: error,
    });
  }
}

export interface SeveralOptions extends LoadOptions {
  signal?: AbortSignal;
  /** Reads a document in another way than by its path. */
  read?: (path: string) => AsyncIterable<PlacedText>;
}

/** Several documents become one text, each under its title, which the names of its places begin with. */
export async function* textOfFiles(
  documents: readonly (string | DocumentPlace)[],
  options: SeveralOptions = {},
): AsyncGenerator<PlacedText> {
  const places = documents.map((each) => (typeof each === 'string' ? { path: each } : each));
  const titles = titlesOf(places);
  const { read = (path: string) => textOfDocument(path, options) } = options;
  for (const [at, { path, mayFail }] of places.entries()) {
    const title = titles[at];
    // A folder may hold a single file, whose name nobody has given.
    if (places.length === 1 && !mayFail) {
      yield* read(path);
      continue;
    }
    let begun = false;
    try {
      for await (const piece of read(path)) {
        if (!begun) yield { text: `${title}:\n\n`, places: [{ at: 0, label: title }] };
        begun = true;
        yield placedUnder(title, piece);
      }
    } catch (error) {
      if (!mayFail || !ReaderError.isInstance(error)) throw error;
      const what = begun ? 'was read only up to a place that cannot be read' : 'was left out';
      options.onNote?.(`${title} ${what}: ${error.message.replace(/\.$/, '')}`);
    }
    if (begun) yield { text: '\n\n', places: [{ at: 0, label: '' }] };
  }
}

/** Names by which the documents can be told apart: a file's own, or its path where two have the same. */
function titlesOf(documents: readonly DocumentPlace[]): string[] {
  const names = documents.map(({ path, title }) => title ?? (path === STDIN ? 'Input' : nameOf(path)));
  const isShared = (name: string) => names.filter((each) => each === name).length > 1;
  return documents.map(({ path, title }, at) => {
    if (title !== undefined || path === STDIN || isAddress(path) || !isShared(names[at])) return names[at];
    const alike = documents.filter((_, other) => names[other] === names[at]).map((each) => dirname(resolve(each.path)));
    return relative(commonFolder(alike), resolve(path)).split(sep).join('/');
  });
}

const nameOf = (path: string) => (isAddress(path) ? shown(path) : basename(path));

function commonFolder(folders: readonly string[]): string {
  let common = folders[0].split(sep);
  for (const folder of folders) {
    const parts = folder.split(sep);
    const end = common.findIndex((part, at) => parts[at] !== part);
    if (end >= 0) common = common.slice(0, end);
  }
  return common.join(sep) || sep;
}

async function* textOfDocument(path: string, options: SeveralOptions): AsyncGenerator<PlacedText> {
  if (path === STDIN) {
    yield* loadContent(await contentOfStream(process.stdin as AsyncIterable<Uint8Array>, 'The input'), options);
  } else if (isAddress(path)) yield* textOfPage(path, options);
  else yield* loadText(path, options);
}

/** A page, and where it really came from. */
async function* textOfPage(address: string, options: SeveralOptions): AsyncGenerator<PlacedText> {
  const { signal, ...loading } = options;
  const { url, content, served } = await fetchPage(address, signal ? { signal } : {});
  if (url !== new URL(address).href) options.onNote?.(`${shown(address)} led to ${shown(url)}`);
  yield* loadContent(content, { ...served, ...loading });
}
