/** From a model's address to what the engine opens: the embedded model, a path on this machine, or a download. */
import { exists } from '../base/files.js';
import type { LocalModel } from '../policy/engine.js';
import { embeddedModel, randomModel } from './embedded.js';
import { ModelError } from './errors.js';
import { downloadModel } from './hub.js';
import { checkpointOf } from './run-checkpoints.js';
import { MODEL_NAMES, parseModelSpec } from './spec.js';

export interface SourceOptions {
  /** False: only what tokenizing needs is downloaded. */
  weights?: boolean;
  /** Told of each file that is downloaded. */
  onDownload?: (file: string) => void;
}

/**
 * What `openLocalPolicy` opens for a model's address.
 * @param seed makes the weights of models from nothing
 * @throws ModelError `missing` saying what was looked for and what to do; PolicyError where a download fails.
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
      throw new ModelError('missing', `${model} is at a server, not on this machine: ${expected}`);
  }
}
