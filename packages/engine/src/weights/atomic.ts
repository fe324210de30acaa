/**
 * Writes files completely or not at all: under a temporary name in the same folder, flushed to disk, then renamed. A
 * crash or a full disk never leaves an incomplete file under its final name.
 */
import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EngineError, reasonOf } from '../errors.js';

/** Content of a file: text (UTF-8), bytes, or bytes piece by piece. */
export type FileContent = string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

function fileError(path: string, cause: unknown): EngineError {
  if (EngineError.isInstance(cause)) return cause;
  return new EngineError('file', `Could not write ${path}: ${reasonOf(cause)}`, { file: path }, { cause });
}

async function* pieces(content: FileContent): AsyncIterable<Uint8Array> {
  if (typeof content === 'string') yield Buffer.from(content, 'utf8');
  else if (content instanceof Uint8Array) yield content;
  else yield* content;
}

async function writeWhole(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, Math.min(bytes.length - done, 1 << 30));
    done += bytesWritten;
  }
}

/** Makes renames in `folder` survive a power cut, where the system allows opening a folder (Windows does not). */
async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(folder, 'r');
  } catch {
    return;
  }
  try {
    await handle.sync();
  } catch {
    // Some network file systems can't flush a folder; the files themselves are flushed.
  } finally {
    await handle.close();
  }
}

async function stage(path: string, content: FileContent): Promise<string> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const handle = await open(temporary, 'wx');
    try {
      for await (const piece of pieces(content)) await writeWhole(handle, piece);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await rm(temporary, { force: true });
    throw fileError(path, error);
  }
  return temporary;
}

/**
 * Writes several files of one folder: first all of them under temporary names, then renames them in order. If writing
 * any of them fails, none is replaced.
 *
 * @throws EngineError 'file' naming the file and the system's reason; an EngineError thrown by the content passes
 *   through.
 */
export async function writeFilesAtomic(folder: string, files: ReadonlyMap<string, FileContent>): Promise<void> {
  const staged = new Map<string, string>();
  try {
    for (const [name, content] of files) {
      const path = join(folder, name);
      staged.set(path, await stage(path, content));
    }
    for (const [path, temporary] of staged) {
      try {
        await rename(temporary, path);
      } catch (error) {
        throw fileError(path, error);
      }
      staged.delete(path);
    }
  } finally {
    for (const temporary of staged.values()) await rm(temporary, { force: true });
  }
  await syncFolder(folder);
}

/** Writes one file; see {@link writeFilesAtomic}. The folder must exist. */
export async function writeFileAtomic(path: string, content: FileContent): Promise<void> {
  await writeFilesAtomic(dirname(path), new Map([[basename(path), content]]));
}
