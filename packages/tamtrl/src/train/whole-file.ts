/** Files that are replaced as a whole, so that a process that is killed leaves the old one or the new one. */
import { rename, writeFile } from 'node:fs/promises';

/** Writes a value as JSON to `path`, by way of `path`.partial. */
export async function writeWhole(path: string, value: unknown): Promise<void> {
  await writeFile(`${path}.partial`, `${JSON.stringify(value, undefined, 2)}\n`);
  await rename(`${path}.partial`, path);
}
