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
import { MODEL_NAMES, parseModelSpec, shownSpec } from './spec.js';

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
  const shown = shownSpec(model);
  switch (spec.kind) {
    case 'embedded':
      return embeddedModel(spec.name);
    case 'random':
      return randomModel(spec.name, seed);
    case 'hub':
      return downloadModel({ ...spec, weights: options.weights }, options);
    case 'folder':
    case 'gguf': {
      const place = await checkpointOf(spec.path);
      if (await exists(place)) return place;
      throw new ModelError('missing', `There is no model at ${shownSpec(place)}: ${expected} ${hintFor(shown)}`);
    }
    case 'openai':
    case 'tinker':
      throw new ModelError('missing', `${shown} is on a server, not on this machine: ${expected}`);
  }
}

/** Addresses of programs that serve models, as they come. */
const SERVERS: Readonly<Record<string, string>> = {
  ollama: 'http://127.0.0.1:11434/v1',
  lmstudio: 'http://127.0.0.1:1234/v1',
  vllm: 'http://127.0.0.1:8000/v1',
  llamacpp: 'http://127.0.0.1:8080/v1',
  'llama.cpp': 'http://127.0.0.1:8080/v1',
};

/** What a name that is not a path may stand for. */
function hintFor(name: string): string {
  const [, prefix = '', rest = ''] = /^([a-z.]+):(.+)$/.exec(name) ?? [];
  if (/^https?:\/\//.test(name)) return `For a model at that server: openai:${name}#MODEL.`;
  if (prefix in SERVERS) return `For a model of ${prefix}: openai:${SERVERS[prefix]}#${rest}.`;
  if (/^(?:gpt-|chatgpt|o\d)/.test(name)) return `For OpenAI's model: openai:${name}.`;
  if (/^[\w.-]+\/[\w.-]+$/.test(name)) return `To download a model: hf:${name}. For one at a server: openai:URL#MODEL.`;
  return 'For a model at a server: openai:URL#MODEL. To download one: hf:owner/name.';
}
