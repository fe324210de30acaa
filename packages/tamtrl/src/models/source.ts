/**
 * Turns a model's address into something that the engine can open: the embedded model, a path on this machine, or a
 * download.
 */
import { exists } from '../base/files.js';
import type { LocalModel } from '../policy/engine.js';
import { embeddedModel, randomModel } from './embedded.js';
import { ModelError } from './errors.js';
import { downloadModel } from './hub.js';
import { checkpointOf } from './run-checkpoints.js';
import { MODEL_NAMES, parseModelSpec } from './spec.js';

export interface SourceOptions {
  /** If false, downloads only what tokenizing needs. */
  weights?: boolean;
  /** Called for each file that is downloaded. */
  onDownload?: (file: string) => void;
}

/**
 * The source that `openLocalPolicy` opens for a model's address.
 * @param seed seed of random weights
 * @throws ModelError `missing` that says what was expected and what to do; PolicyError if a download fails.
 */
export async function modelSource(model: string, seed = 0, options: SourceOptions = {}): Promise<LocalModel> {
  const spec = parseModelSpec(model);
  const expected = `expected a model folder, a .gguf file, or one of the names ${MODEL_NAMES.join(', ')}.`;
  switch (spec.kind) {
    case 'embedded':
      return embeddedModel();
    case 'random':
      return randomModel(seed);
    case 'hub':
      return downloadModel({ ...spec, weights: options.weights }, options);
    case 'folder':
    case 'gguf': {
      const place = await checkpointOf(spec.path);
      if (await exists(place)) return place;
      throw new ModelError('missing', `There is no model at ${place}: ${expected}`);
    }
    case 'openai':
    case 'tinker':
      throw new ModelError('missing', `${model} is on a server, not on this machine: ${expected}`);
  }
}
