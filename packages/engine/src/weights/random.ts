/** Random weights for training from scratch. */

import { EngineError } from '../errors.js';
import { featuresOf } from '../models/architectures/index.js';
import type { ModelConfig } from '../models/config.js';
import { parameterShapes } from '../models/parameters.js';
import { hashSeed, Random } from '../random.js';
import { elementCount } from '../shape.js';

/** One number for a name, so that a tensor's values do not depend on the tensors before it. */
function hashName(name: string): number {
  return hashSeed(...Buffer.from(name, 'utf8'));
}

/**
 * Every parameter by its Hugging Face name, as transformers initialises these models: norms multiply by 1,
 * biases are 0, the rest normal with mean 0. Equal seeds give equal weights; a tensor depends only on the seed, its
 * name and its size.
 *
 * @throws EngineError 'invalid-argument' if the seed is not a safe integer or the standard deviation is not a finite
 *   number of at least 0.
 */
export function randomParameters(
  config: ModelConfig,
  seed: number,
  options: { standardDeviation?: number } = {},
): Map<string, Float32Array<ArrayBuffer>> {
  const { standardDeviation = 0.02 } = options;
  if (!(standardDeviation >= 0 && Number.isFinite(standardDeviation))) {
    const found = String(standardDeviation);
    throw new EngineError('invalid-argument', `The standard deviation must be a finite number >= 0, found ${found}.`, {
      expected: 'finite number >= 0',
      found,
    });
  }
  const { normsAroundOne } = featuresOf(config);
  const stream = new Random(seed).uint32();
  const parameters = new Map<string, Float32Array<ArrayBuffer>>();
  for (const [name, shape] of parameterShapes(config)) {
    const values = new Float32Array(elementCount(shape));
    if (name.endsWith('norm.weight')) {
      values.fill(normsAroundOne ? 0 : 1);
    } else if (!name.endsWith('.bias')) {
      const random = new Random(hashSeed(seed, stream, hashName(name)));
      for (let i = 0; i < values.length; i++) values[i] = standardDeviation * random.normal();
    }
    parameters.set(name, values);
  }
  return parameters;
}
