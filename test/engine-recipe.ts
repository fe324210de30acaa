/** The recipe of docs/engine.md, "Adding an architecture". */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const guide = readFileSync(join(root, 'docs/engine.md'), 'utf8');
/** What the first group of `pattern` matches in `text`. */
function found(text: string, pattern: RegExp): string {
  const match = pattern.exec(text);
  if (!match) throw new Error(`docs/engine.md no longer has ${pattern}.`);
  return match[1];
}

export const recipe = found(guide, /^## Adding an architecture\n(.*?)^## /ms);
/** The file of the family, as the first step has it. */
export const source = found(recipe, /^ {3}```ts\n(.*?)^ {3}```$/ms).replace(/^ {3}/gm, '');
export const sourcePath = join(root, found(recipe, /`(packages\/engine\/src\/models\/architectures\/[\w-]+\.ts)`/));
