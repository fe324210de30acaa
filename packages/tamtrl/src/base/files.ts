/**
 * Makes folders, writes files so that a killed process never leaves half of one, and reads files that may be missing.
 */
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Writes a file under a temporary name and renames it, so that the file is always complete. Text and bytes are written
 * as they are; other objects become JSON.
 */
export async function writeWhole(path: string, content: unknown): Promise<void> {
  const isWritten = typeof content === 'string' || content instanceof Uint8Array;
  const text = isWritten ? content : `${JSON.stringify(content, undefined, 2)}\n`;
  // A link left in the temporary file's place would lead to another file.
  await rm(`${path}.partial`, { force: true });
  await writeFile(`${path}.partial`, text, { flag: 'wx', flush: true });
  await rename(`${path}.partial`, path);
}

/**
 * Makes a folder and those above it, unless they are there. The recursive `mkdir` of Node.js never ends where the
 * system says "no such folder" below a folder that exists, as in /proc.
 * @returns the topmost folder that was made; undefined if all were there
 * @throws what the system says if it refuses
 */
export async function makeFolder(path: string): Promise<string | undefined> {
  try {
    await mkdir(path);
    return path;
  } catch (error) {
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory()) return undefined;
    const above = dirname(path);
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT' && above !== path && !(await exists(above));
    if (!isMissing) throw error;
    const topmost = await makeFolder(above);
    const made = await makeFolder(path);
    return topmost ?? made;
  }
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** The text of a file; undefined if there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
