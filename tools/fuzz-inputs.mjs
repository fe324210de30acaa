/** Where the fuzzed parsers and their samples are. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const tamtrl = (path) => import(join(root, 'packages/tamtrl/dist', path));
export const engine = (path) => import(join(root, 'packages/engine/dist', path));
export const data = (name) => readFileSync(join(root, 'packages/tamtrl/fixtures', name));
export const weights = (name) => readFileSync(join(root, 'packages/engine/fixtures/weights', name));

export const drain = async (iterable) => {
  for await (const _ of iterable);
};

/** What clients and commands refuse in a sentence of their own when a parser of another's or of none throws. */
export class Refused extends Error {}
