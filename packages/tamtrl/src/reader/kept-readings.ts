/** The readings of many documents in a folder, a file for each: that of `ask --state FOLDER` for the document alone. */
import { stat } from 'node:fs/promises';
import { ReaderError } from './errors.js';
import type { DocumentPlace } from './files/document-place.js';
import type { ReadingStore } from './read-documents.js';
import { loadState, lockState, saveState } from './saved-state.js';
import { stateFileAt } from './state-folder.js';

export interface KeptReadingsOptions {
  /** The documents by their files or addresses, in the order in which they are read. */
  documents: readonly (string | DocumentPlace)[];
  question: string | readonly string[];
  /** The model's address. */
  model: string;
}

/**
 * Keeps the readings of `readDocuments` in a folder, which is made if it is not there.
 * @throws ReaderError `state` if `folder` is something else.
 */
export async function keptReadings(
  folder: string,
  { documents, question, model }: KeptReadingsOptions,
): Promise<ReadingStore> {
  const found = await stat(folder).catch(() => undefined);
  if (found && !found.isDirectory())
    throw new ReaderError('state', `Each document has a state of its own, in a folder, but ${folder} is a file.`);
  const places = documents.map((each) => (typeof each === 'string' ? { path: each } : each));
  const questions = typeof question === 'string' ? [question] : question;
  const locks = new Map<number, { file: string; unlock: () => Promise<void> }>();
  return {
    async take(at) {
      const file = await stateFileAt(`${folder}/`, { inputs: [places[at].path], questions, model });
      locks.set(at, { file, unlock: await lockState(file) });
      const saved = await loadState(file);
      if (!saved) return undefined;
      const { documents: _, conversation: __, answers, ...state } = saved;
      return answers ? { state, answers } : { state };
    },
    async keep(at, { state, answers }) {
      const file = locks.get(at)?.file;
      if (file !== undefined) await saveState(file, state, [places[at]], answers ? { answers } : {});
    },
    async release(at) {
      await locks.get(at)?.unlock();
      locks.delete(at);
    },
  };
}
