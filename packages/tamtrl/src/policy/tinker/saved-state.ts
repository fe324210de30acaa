/** What a folder holds of a model whose weights stay at a server: the file tinker.json. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PolicyError } from '../errors.js';

export interface SavedState {
  server: string;
  model: string;
  /** Weights and optimiser, to go on from. */
  path: string;
  /** Weights in the form that is served. */
  sampler?: string;
  /** How to open the model by its folder alone. */
  opened?: { spec: string; tokenizer: string };
  /** Updates done. */
  steps: number;
  /** Names of snapshots, and where they are. */
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
      `${place} cannot be read: ${(error as Error).message}. It says where at the server the weights are.`,
      { cause: error },
    );
  }
}
