/** A folder of saved readings: each has a file of its own, named by what is read, what is asked, and who reads. */
import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { makeFolder } from '../base/files.js';
import { textHash } from '../base/hash.js';
import { ReaderError } from './errors.js';
import { STDIN } from './files/document-place.js';
import { isAddress } from './files/page.js';
import { lockState } from './saved-state.js';

export interface ReadingName {
  /** As they are named, so that a folder or pattern stays the same when files are added to it. */
  inputs: readonly string[];
  questions: readonly string[];
  model: string;
}

/**
 * The file of a reading: `path` itself, unless it is a folder or ends with a slash.
 * @throws ReaderError `state` if the folder cannot be made.
 */
export async function stateFileAt(path: string, { inputs, questions, model }: ReadingName): Promise<string> {
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true;
  if (!isFolder && !/[/\\]$/.test(path)) return path;
  try {
    if (!isFolder) await makeFolder(path);
  } catch (error) {
    throw new ReaderError('state', `--state: cannot make the folder ${path}: ${(error as Error).message}.`, {
      cause: error,
    });
  }
  const named = inputs.map((input) => (input === STDIN || isAddress(input) ? input : resolve(input)));
  const hash = textHash(JSON.stringify([named, questions, model]));
  const number = hash.map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
  // Only for people: the number alone tells readings apart.
  const word = basename(inputs[0] ?? '').replaceAll(/[^\p{L}\p{N}._-]+/gu, '-');
  return join(path, `${word.replace(/^[.-]+|-+$/g, '').slice(0, 40) || 'text'}-${number}.json`);
}

/** Works with the state's file, which nobody else writes to meanwhile. @throws as `stateFileAt` and `lockState` do */
export async function withStateFile<Result>(
  path: string,
  name: ReadingName,
  work: (file: string) => Promise<Result>,
): Promise<Result> {
  const file = await stateFileAt(path, name);
  const unlock = await lockState(file);
  try {
    return await work(file);
  } finally {
    await unlock();
  }
}
