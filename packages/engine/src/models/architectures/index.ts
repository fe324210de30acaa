/**
 * The families of models that the engine knows. To add one, write a file in this folder and add an entry at the end of
 * this file.
 */
import { EngineError } from '../../errors.js';
import type { ModelConfig } from '../config.js';
import type { Architecture, Features } from './architecture.js';
import { gemma3 } from './gemma3.js';
import { llama } from './llama.js';
import { qwen2 } from './qwen2.js';
import { qwen3 } from './qwen3.js';
import { smollm3 } from './smollm3.js';

const known = new Map<string, Architecture>();

/**
 * Makes a family known.
 *
 * @returns a function that removes it again
 * @throws EngineError 'internal' if a family with this name exists
 */
export function registerArchitecture(architecture: Architecture): () => void {
  const { name } = architecture;
  if (known.has(name)) throw new EngineError('internal', `There are two architectures named "${name}".`);
  known.set(name, architecture);
  return () => void known.delete(name);
}

export function knownArchitectures(): Architecture[] {
  return [...known.values()];
}

/** The family of a model. @throws EngineError 'unknown-architecture', naming the known families. */
export function architectureOf({ architecture }: Pick<ModelConfig, 'architecture'>): Architecture {
  const found = known.get(architecture);
  if (found) return found;
  const expected = [...known.keys()].join(', ');
  throw new EngineError(
    'unknown-architecture',
    `The model's configuration names the architecture "${architecture}"; the engine knows ${expected}.`,
    { expected, found: String(architecture) },
  );
}

export function featuresOf(config: ModelConfig): Features {
  return architectureOf(config).features(config);
}

for (const architecture of [llama, qwen2, qwen3, smollm3, gemma3]) registerArchitecture(architecture);
