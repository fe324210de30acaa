/** Models that a run has left: which of its checkpoints a run's folder stands for. */
import { basename, dirname, join } from 'node:path';
import { exists } from '../base/files.js';
import { ModelError } from './errors.js';
import { parseModelSpec } from './spec.js';

/** Folder of a run's checkpoints, in the run's folder. */
export const CHECKPOINTS = 'checkpoints';

/** Those that are model folders, the better one first. `best` is there once an evaluation was better than the start. */
const MODELS = ['best', 'final'];

/**
 * The model folder that a path stands for: of a run's folder its best checkpoint, or the final one if none was better
 * than the start; of every other path the path itself.
 * @throws ModelError `missing` for a run without a model, and for a checkpoint that is not there while others are.
 */
export async function checkpointOf(path: string): Promise<string> {
  if (await isRunFolder(path)) {
    const [model] = await modelsIn(path);
    if (model !== undefined) return model;
    throw new ModelError(
      'missing',
      `${path} is the folder of a run that has not saved a model yet: expected ${CHECKPOINTS}/best or ${CHECKPOINTS}/final in it. Resume the run; it saves one when it ends or is stopped.`,
    );
  }
  if (basename(dirname(path)) === CHECKPOINTS && !(await exists(path))) {
    const there = await modelsIn(dirname(dirname(path)));
    if (there.length > 0) {
      const why =
        basename(path) === 'best'
          ? ' "best" is written once an evaluation was better than the one before training.'
          : '';
      throw new ModelError('missing', `There is no model at ${path}.${why} The run has ${there.join(' and ')}.`);
    }
  }
  return path;
}

/** The same for any address of a model. @throws ModelError; PolicyError for an address that cannot be read. */
export async function checkpointOfAddress(address: string): Promise<string> {
  const spec = parseModelSpec(address);
  return spec.kind === 'folder' ? checkpointOf(spec.path) : address;
}

/** A model folder has a config.json too, but no checkpoints. */
async function isRunFolder(path: string): Promise<boolean> {
  return (await exists(join(path, CHECKPOINTS))) && (await exists(join(path, 'config.json')));
}

async function modelsIn(run: string): Promise<string[]> {
  const places = MODELS.map((name) => join(run, CHECKPOINTS, name));
  const there = await Promise.all(places.map(exists));
  return places.filter((_, at) => there[at]);
}
