/** Recognises weights, so that an adapter is not used with another base than the one that it was trained on. */
import { createHash } from 'node:crypto';
import type { ParameterSet } from '../models/parameters.js';

/** Values looked at in each tensor. A base that was trained further differs nearly everywhere, so a sample will do. */
const SAMPLED = 256;

/** 16 hexadecimal digits that depend on every tensor's name and size and on values spread evenly over it. */
export function fingerprint(parameters: ParameterSet): string {
  const hash = createHash('sha256');
  for (const [name, values] of parameters) {
    const step = Math.max(1, Math.floor(values.length / SAMPLED));
    const sample = Float32Array.from({ length: Math.ceil(values.length / step) }, (_, i) => values[i * step]);
    hash.update(`${name} ${values.length}\n`);
    hash.update(new Uint8Array(sample.buffer));
  }
  return hash.digest('hex').slice(0, 16);
}
