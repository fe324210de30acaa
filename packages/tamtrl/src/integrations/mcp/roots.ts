/** Decides what a client may read: files, folders and addresses within the roots. Everything else is refused. */
import { lstat, realpath } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { given } from '../../base/objects.js';
import type { DecodingOptions } from '../../reader/decoding.js';
import { ReaderError } from '../../reader/errors.js';
import { loadText } from '../../reader/files/load.js';
import { addressOf, isAddress, shown } from '../../reader/files/page.js';
import { documentsAt, textOfFiles } from '../../reader/files/several.js';
import type { PlacedText } from '../../reader/places.js';
import { isInside, openWithin } from './files.js';
import { page } from './pages.js';

/** Folders or files (real paths) and prefixes of http(s) addresses. */
export interface Roots {
  paths: string[];
  urls: string[];
}

/**
 * Roots from the names that a client or a flag gives: paths, file:// and http(s):// addresses.
 * @throws ReaderError `input` for a path that does not exist, an address of another kind, or one with a key in it.
 */
export async function rootsOf(names: readonly string[]): Promise<Roots> {
  const roots: Roots = { paths: [], urls: [] };
  for (const name of names) {
    if (isAddress(name)) {
      const { href, search, hash } = addressOf(name);
      // Requests for pages below it would not send them, and refusals name the roots.
      if (search + hash !== '') {
        throw new ReaderError(
          'input',
          `The root ${shown(name)} has a query. Give only the part of the address before it.`,
        );
      }
      roots.urls.push(href);
    } else {
      const path = pathOf(name);
      try {
        // Links are resolved here once: their target is what is allowed.
        roots.paths.push(await realpath(path));
      } catch (error) {
        throw new ReaderError('input', `The root ${name} cannot be found: ${(error as Error).message}.`, {
          cause: error,
        });
      }
    }
  }
  return roots;
}

function pathOf(name: string): string {
  if (/^file:\/\//i.test(name)) {
    try {
      return fileURLToPath(name);
    } catch (error) {
      throw new ReaderError('input', `${name} is not the address of a file: ${(error as Error).message}.`, {
        cause: error,
      });
    }
  }
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(name)) {
    throw new ReaderError('input', `${name} cannot be read: only paths, file:// and http(s):// addresses can.`);
  }
  return resolve(name);
}

/**
 * The text of a file, a folder's files or a page within the roots, in pieces.
 * @throws ReaderError `input` for anything outside of them, without revealing whether it exists.
 */
export async function* readWithin(
  source: string,
  roots: Roots,
  signal?: AbortSignal,
  onNote?: (note: string) => void,
  encoding?: string,
): AsyncGenerator<PlacedText> {
  if (isAddress(source)) {
    yield* page(source, roots.urls, (address) => outside(address, roots), signal, onNote);
    return;
  }
  const loading = given({ onNote, encoding });
  const folder = await folderWithin(source, roots.paths);
  if (folder === undefined) {
    yield* fileWithin(source, roots, loading);
    return;
  }
  // Every file is checked for itself: the folder may change while it is read.
  const read = (path: string) => fileWithin(path, roots, loading);
  yield* textOfFiles(await documentsAt(folder, onNote), { ...loading, read });
}

/** The real path of a folder within the roots; undefined for everything else. */
async function folderWithin(source: string, roots: readonly string[]): Promise<string | undefined> {
  const path = await realpath((await withinRoot(source, roots)) ?? pathOf(source)).catch(() => undefined);
  if (path === undefined || !roots.some((root) => isInside(path, root))) return undefined;
  return (await lstat(path).catch(() => undefined))?.isDirectory() ? path : undefined;
}

async function* fileWithin(source: string, roots: Roots, loading: DecodingOptions): AsyncGenerator<PlacedText> {
  const named = (await withinRoot(source, roots.paths)) ?? pathOf(source);
  const { handle, path } = await openWithin(source, named, roots.paths, () => outside(source, roots));
  try {
    yield* loadText(path, loading, handle);
  } finally {
    await handle.close();
  }
}

/** Clients know the roots, not where this program was started: a relative path is looked for in every root first. */
async function withinRoot(source: string, roots: readonly string[]): Promise<string | undefined> {
  if (isAbsolute(source) || /^[a-z][a-z0-9+.-]+:\/\//i.test(source)) return undefined;
  for (const root of roots) {
    const path = resolve(root, source);
    if (isInside(path, root) && (await lstat(path).catch(() => undefined))) return path;
  }
  return undefined;
}

function outside(source: string, { paths, urls }: Roots): ReaderError {
  const allowed = [...paths, ...urls];
  return new ReaderError(
    'input',
    allowed.length === 0
      ? `${source} may not be read: no root is allowed. Start the server with --root FOLDER, or let the client name roots.`
      : `${source} may not be read: it is outside the allowed roots (${allowed.join(', ')}).`,
  );
}
