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
