/** The readings of many documents in a folder, a file for each: that of `ask --state FOLDER` for the document alone. */

import { stat } from 'node:fs/promises';
import { type Rules, TEXT } from '../base/option-rules.js';
import { valueText } from '../base/values.js';
import { ReaderError } from './errors.js';
import type { DocumentPlace } from './files/document-place.js';
import { checkRules } from './option-rules.js';
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

const isPlace = (value: unknown) =>
  typeof value === 'string' || (typeof value === 'object' && value !== null && 'path' in value);
const RULES: Rules<KeptReadingsOptions> = {
  documents: {
    expected: 'a list of the names of files, as documents without a name cannot be found again',
    holds: (value) => Array.isArray(value) && value.every(isPlace),
  },
  question: {
    expected: 'a string or a list of strings',
    holds: (value) => [value].flat().every((each) => typeof each === 'string'),
  },
  model: TEXT,
};

/**
 * Keeps the readings of `readDocuments` in a folder, which is made if it is not there.
 * @throws ReaderError `state` if `folder` is something else.
 */
export async function keptReadings(folder: string, options: KeptReadingsOptions): Promise<ReadingStore> {
  if (typeof folder !== 'string' || folder === '')
    throw new ReaderError('input', `keptReadings: the folder is ${valueText(folder)}, expected the path of one.`);
  checkRules(options, 'keptReadings', RULES, ['documents', 'question', 'model']);
  const { documents, question, model } = options;
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
