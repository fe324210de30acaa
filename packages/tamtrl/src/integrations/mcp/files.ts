/** Files within roots: regular ones only, and the one that was checked is the one that is read. */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readlink, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, relative } from 'node:path';
import { ReaderError } from '../../reader/errors.js';

/** @param path real, as `root` is */
export function isInside(path: string, root: string): boolean {
  const way = relative(root, path);
  return way === '' || (!isAbsolute(way) && way !== '..' && !way.startsWith('../') && !way.startsWith('..\\'));
}

/** A file that is open, and its real path. */
export interface OpenedFile {
  handle: FileHandle;
  path: string;
}

/** Not every system has them. A named pipe without a writer is opened at once, instead of holding a thread. */
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0);

/**
 * @param source as the client named it, for messages
 * @param named its path
 * @param roots real paths
 * @param outside makes the refusal of everything outside of the roots, which does not tell whether it exists
 * @throws ReaderError `input` if it is outside, missing, or not a regular file.
 */
export async function openWithin(
  source: string,
  named: string,
  roots: readonly string[],
  outside: () => ReaderError,
): Promise<OpenedFile> {
  const within = (path: string) => roots.some((root) => isInside(path, root));
  const missing = (cause?: unknown) => new ReaderError('input', `There is no file ${source}.`, { cause });
  const path = await realpath(named).catch(() => undefined);
  if (path === undefined) throw (await isMissingWithin(named, within)) ? missing() : outside();
  if (!within(path)) throw outside();
  let handle: FileHandle;
  try {
    // Opening a device can already do something.
    requireRegular(source, await lstat(path));
    handle = await open(path, FLAGS);
  } catch (error) {
    if (ReaderError.isInstance(error)) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw missing(error);
    // It has become a link since it was looked at.
    if (code === 'ELOOP') throw outside();
    throw new ReaderError('input', `Cannot read ${source}: ${message}.`, { cause: error });
  }
  try {
    const found = await handle.stat();
    requireRegular(source, found);
    if (!(await isOpenedWithin(handle, found, path, within))) throw outside();
    return { handle, path };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** @throws ReaderError `input` for folders, named pipes, sockets and devices. */
function requireRegular(source: string, found: Stats): void {
  if (found.isFile()) return;
  if (found.isDirectory()) throw new ReaderError('input', `${source} is a folder. Name one of its files.`);
  throw new ReaderError('input', `${source} is not a regular file, but a named pipe, a socket or a device.`);
}

/**
 * Whether the opened file lies within: a folder on its way may have been replaced by a link since it was checked. Linux
 * gives the path of an open file. Elsewhere its path must still lead to it without links.
 */
async function isOpenedWithin(
  handle: FileHandle,
  opened: Stats,
  path: string,
  within: (path: string) => boolean,
): Promise<boolean> {
  if (process.platform === 'linux') return within(await readlink(`/proc/self/fd/${handle.fd}`));
  const [now, real] = await Promise.all([lstat(path), realpath(path)]).catch(() => []);
  return real === path && now?.ino === opened.ino && now.dev === opened.dev;
}

/**
 * Whether the client may learn that there is no such file: the deepest part of the path that exists lies within. A link
 * that leads nowhere counts as outside, since it could lead there.
 */
async function isMissingWithin(named: string, within: (path: string) => boolean): Promise<boolean> {
  for (let part = named; ; part = dirname(part)) {
    const exists = await lstat(part).then(
      () => true,
      () => false,
    );
    if (exists || part === dirname(part)) {
      const real = await realpath(part).catch(() => undefined);
      return real !== undefined && within(real);
    }
  }
}
