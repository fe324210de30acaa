/** The file tinker.json, with which a folder refers to a model whose weights stay on a server. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PolicyError } from '../errors.js';

export interface SavedState {
  server: string;
  model: string;
  /** Weights and optimiser, for further training. */
  path: string;
  /** Weights in the form that the server samples from. */
  sampler?: string;
  /** How to open the model by its folder alone. */
  opened?: { spec: string; tokenizer: string };
  /** Number of updates done. */
  steps: number;
  /** Names of snapshots, and their places on the server. */
  snapshots: Record<string, string>;
}

export const STATE_FILE = 'tinker.json';

export async function writeState(folder: string, state: SavedState): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, STATE_FILE), `${JSON.stringify(state, null, 2)}\n`);
}

/** @throws PolicyError `invalid-argument` if the file cannot be read. */
export async function readState(folder: string): Promise<Partial<SavedState>> {
  const place = join(folder, STATE_FILE);
  try {
    return JSON.parse(await readFile(place, 'utf8')) as Partial<SavedState>;
  } catch (error) {
    throw new PolicyError(
      'invalid-argument',
      `${place} cannot be read: ${(error as Error).message}. It should say where on the server the weights are.`,
      { cause: error },
    );
  }
}
