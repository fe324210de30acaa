/** Reads files that may be missing, and creates folders. See atomic.ts for writing. */
import { mkdir, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EngineError, reasonOf } from '../errors.js';
import { MAX_AUXILIARY_BYTES } from '../limits.js';

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/**
 * The file's bytes, or undefined if there is none.
 * @throws EngineError 'file' if the system refuses to read it, or it is implausibly large.
 */
export async function readIfPresent(path: string): Promise<Uint8Array | undefined> {
  try {
    const { size } = await stat(path);
    if (size > MAX_AUXILIARY_BYTES) throw new Error(`it has ${size} bytes, expected at most ${MAX_AUXILIARY_BYTES}`);
    // A plain array with its own buffer can be sent to another thread.
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')) {
      return undefined;
    }
    throw new EngineError('file', `Could not read ${path}: ${reasonOf(cause)}`, { file: path }, { cause });
  }
}

/** Creates a folder and those above it, unless they exist. @throws EngineError 'file' if the system refuses. */
export async function makeFolder(path: string): Promise<void> {
  await makeWithParents(path).catch((cause: unknown) => {
    const message = `Could not create the folder ${path}: ${reasonOf(cause)}`;
    throw new EngineError('file', message, { file: path }, { cause });
  });
}

/**
 * The recursive `mkdir` of Node.js never ends in /proc, where what is missing cannot be made though its parent is
 * there.
 */
async function makeWithParents(path: string): Promise<void> {
  await mkdir(path).catch(async (cause: NodeJS.ErrnoException) => {
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory()) return;
    const above = dirname(path);
    if (cause.code !== 'ENOENT' || above === path || (await exists(above))) throw cause;
    await makeWithParents(above);
    await makeWithParents(path);
  });
}
