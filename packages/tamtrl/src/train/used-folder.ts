/** Whether a new run may be written into a folder: never over another run, and never over what is not a run. */
import { join } from 'node:path';
import { entriesOf, foreignFolderMessage, readJsonObject } from '../data/files/output.js';
import { hasCheckpoint } from './checkpoint.js';
import { TrainError } from './errors.js';
import { INFO_FILE, RunFolder } from './metrics.js';

/**
 * A new or empty folder will do, and one with a run that was killed before it saved anything.
 * @throws TrainError `checkpoint` for every other.
 */
export async function requireUnusedFolder(path: string): Promise<void> {
  const folder = new RunFolder(path);
  if (await hasCheckpoint(folder.checkpoints)) {
    throw new TrainError('checkpoint', `${path} already holds a run. Resume it, or give the new run another folder.`);
  }
  // All that a run leaves that is killed before its first file is whole.
  const entries = (await entriesOf(path)).filter((name) => name !== `${INFO_FILE}.partial`);
  if (entries.length === 0) return;
  const info = await readJsonObject(join(path, INFO_FILE));
  if (typeof info?.started !== 'string') {
    throw new TrainError('checkpoint', foreignFolderMessage(path, entries, 'a run'));
  }
  if (await folder.hasMetrics()) {
    throw new TrainError(
      'checkpoint',
      `${folder.metrics} holds the results of a run whose checkpoint is gone. Starting anew would delete them: give the new run another folder.`,
    );
  }
}
