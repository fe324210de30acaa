/** A reading that `tamtrl ask --state` keeps in a file, so that another one can go on from there. */
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { writeWhole } from '../base/files.js';
import { counted } from '../base/format.js';
import { LockError, lockFile } from '../base/lock.js';
import { parsedJson } from '../base/objects.js';
import { ReaderError } from './errors.js';
import { type DocumentPlace, STDIN } from './files/document-place.js';
import { isAddress } from './files/page.js';
import { type ReaderState, type SavedState, savedStateSchema } from './state.js';

/**
 * The state in a file; undefined if there is no file.
 * @throws ReaderError `state` for a file that cannot be read or holds something else, which would be replaced.
 */
export async function loadState(path: string): Promise<SavedState | undefined> {
  let text: string;
  try {
    // A named pipe would keep it waiting, and a device would be replaced by a file.
    if (!(await stat(path)).isFile()) throw new Error('it is not a regular file');
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new ReaderError('state', `--state: cannot read ${path}: ${(error as Error).message}.`, { cause: error });
  }
  const state = savedStateSchema.safeParse(parsedJson(text));
  if (state.success) return state.data;
  throw new ReaderError(
    'state',
    `--state: ${path} is not a saved state. Name another file, or remove it to read from the beginning.`,
  );
}

/**
 * Two readings that save to one file would each go on from the other's.
 * @returns releases the file @throws ReaderError `state` if nothing can be written there; LockError if it is taken.
 */
export async function lockState(path: string): Promise<() => Promise<void>> {
  try {
    return await lockFile(path);
  } catch (error) {
    if (LockError.isInstance(error)) throw error;
    const { message } = error as Error;
    throw new ReaderError('state', `--state: cannot write to ${dirname(path)}: ${message}.`, { cause: error });
  }
}

/** The documents that a saved reading has read. */
export function documentsOf({ documents = [] }: SavedState): DocumentPlace[] {
  return documents.map((each) => (typeof each === 'string' ? { path: each } : each));
}

/** With the documents that were read, so that a place in the memory can be shown in them. */
export async function saveState(
  path: string,
  state: ReaderState,
  places: readonly DocumentPlace[],
  more: Pick<SavedState, 'conversation' | 'answers'> = {},
): Promise<void> {
  const documents: SavedState['documents'] = places.map(({ path, title, mayFail }) => {
    const name = path === STDIN || isAddress(path) ? path : resolve(path);
    return title === undefined ? name : { path: name, title, mayFail };
  });
  await writeWhole(path, JSON.stringify({ ...state, documents, ...more }));
}

/** Saves what a reading had done that its model has ended, and says so. @throws ReaderError `interrupted` */
export async function saveInterrupted(error: unknown, path: string, places: readonly DocumentPlace[]): Promise<void> {
  if (!ReaderError.isInstance(error, 'interrupted') || !error.state) return;
  const { state, cause, message } = error;
  await saveState(path, state, places);
  const saved = `${counted(state.turns, 'chunk')} saved in ${path}; the same command continues from there.`;
  throw new ReaderError('interrupted', `${message} ${saved}`, { cause, state });
}
