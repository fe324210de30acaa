/** Generated tasks by name. */
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
