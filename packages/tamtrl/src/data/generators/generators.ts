/** Generated tasks by name. */
import { DataError } from '../errors.js';
import type { StreamedRecord } from '../files/writer.js';
import { commonWords, frequentWords, variableTracking } from './aggregation.js';
import { NIAH_TASKS, type NiahName, niah, type SyntheticOptions } from './niah.js';

/** RULER's tasks that need no input. */
export const syntheticTasks: readonly { name: string; make: (options: SyntheticOptions) => StreamedRecord }[] = [
  ...(Object.keys(NIAH_TASKS) as NiahName[]).map((name) => ({
    name,
    make: (options: SyntheticOptions) => niah(name, options),
  })),
  { name: 'vt', make: variableTracking },
  { name: 'cwe', make: commonWords },
  { name: 'fwe', make: frequentWords },
];

export function findSyntheticTask(name: string) {
  return syntheticTasks.find((task) => task.name === name);
}

/** Records of one of them, made one by one. @throws DataError `invalid-argument` for another name. */
export function syntheticRecords(
  name: string,
  options: Omit<SyntheticOptions, 'index'>,
  count: number,
): Iterable<StreamedRecord> {
  const task = findSyntheticTask(name);
  if (!task) throw new DataError('invalid-argument', `There is no task ${JSON.stringify(name)} of RULER.`);
  function* records(make: (options: SyntheticOptions) => StreamedRecord): Generator<StreamedRecord> {
    for (let index = 0; index < count; index++) yield make({ ...options, index });
  }
  return records(task.make);
}
