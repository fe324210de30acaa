/** Where a trained model says how it reads. What the file says is read in memory/reading-settings.ts. */
import { basename, dirname, join } from 'node:path';
import { readIfThere } from '../base/files.js';
import { embeddedFolder } from './embedded.js';
import { CHECKPOINTS, checkpointOf } from './run-checkpoints.js';
import { parseModelSpec } from './spec.js';

/** In a model folder that a run has left. */
export const READING_FILE = 'tamtrl.json';

export interface SavedReading {
  place: string;
  text: string;
  /** The configuration of the run that a model belongs to: earlier versions wrote nothing into the model folder. */
  isConfiguration: boolean;
}

/**
 * The file that says how the model at an address was trained to read; undefined for models that no run has left.
 * @throws ModelError `missing` for a run without a model; PolicyError for an address that cannot be read.
 */
export async function savedReading(model: string): Promise<SavedReading | undefined> {
  const spec = parseModelSpec(model);
  if (spec.kind === 'embedded') return fileAt(join(embeddedFolder(spec.name), READING_FILE), false);
  if (spec.kind !== 'folder') return undefined;
  const folder = await checkpointOf(spec.path);
  const own = await fileAt(join(folder, READING_FILE), false);
  if (own || basename(dirname(folder)) !== CHECKPOINTS) return own;
  return fileAt(join(dirname(dirname(folder)), 'config.json'), true);
}

async function fileAt(place: string, isConfiguration: boolean): Promise<SavedReading | undefined> {
  // Opening the model reports a path that is not a folder.
  const text = await readIfThere(place).catch(() => undefined);
  return text === undefined ? undefined : { place, text, isConfiguration };
}
