/** Checks places before they are written to, so that nothing that belongs to somebody else is destroyed. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { DataError } from '../errors.js';

/**
 * The names in a folder that count as content, sorted; none if there is no such folder. Hidden files do not count,
 * because they are never overwritten.
 */
export async function entriesOf(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => !name.startsWith('.')).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return [];
  }
}

/** @param what to write, such as "a run"; @param how the user can name another folder */
export function foreignFolderMessage(
  folder: string,
  entries: readonly string[],
  what: string,
  how = 'with --out',
): string {
  const others = entries.length - 1;
  const more = others === 0 ? '' : ` and ${others} more`;
  return `${folder} is not empty and does not hold ${what}: there is ${entries[0]}${more}, and writing ${what} there could destroy it. Name a new or empty folder ${how}.`;
}

/** The object in a JSON file; undefined if there is none. */
export async function readJsonObject(path: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Checks that a file may be written to `path`. Empty files may be overwritten.
 * @throws DataError `file` for a file with content unless it is to be overwritten, and for what is no regular file: a
 *   device or a named pipe would be replaced by a file.
 */
export async function requireFreeFile(path: string, overwrite = false): Promise<void> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new DataError('file', `--out: cannot write to ${path}: ${error.message}.`, { cause: error });
  });
  if (found === undefined) return;
  if (found.isDirectory()) throw new DataError('file', `--out: ${path} is a folder; name a file in it.`);
  if (!found.isFile()) {
    const what = `--out: ${path} is not a regular file, and would be replaced by one.`;
    throw new DataError('file', `${what} Name another file.`);
  }
  if (found.size === 0 || overwrite) return;
  throw new DataError(
    'file',
    `--out: ${path} already exists (${found.size} bytes). Name another file, or replace it with --overwrite.`,
  );
}
