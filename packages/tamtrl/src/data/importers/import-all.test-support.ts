/** Everything that an importer makes of a file. */
import type { QuestionRecord } from '../records.js';
import { type ImportOptions, type ImportProblem, importRecords } from './importers.js';

export async function importAll(path: string, options: ImportOptions = {}) {
  const problems: ImportProblem[] = [];
  const records: QuestionRecord[] = [];
  for await (const record of importRecords(path, { ...options, onProblem: (problem) => problems.push(problem) })) {
    records.push(record);
  }
  return { records, problems };
}

/** A row of HotpotQA's original JSON. */
export const hotpot = {
  _id: 'h0',
  question: 'Where does river 0 end?',
  answer: 'Lake 0',
  type: 'bridge',
  level: 'easy',
  supporting_facts: [
    ['River 0', 0],
    ['Delta 0', 1],
  ],
  context: [
    ['River 0', ['River 0 flows to delta 0.', ' It is long.']],
    ['Hills', ['Hills are high.']],
    ['Delta 0', ['A delta is wide.', ' Delta 0 lies at Lake 0.']],
  ],
};
