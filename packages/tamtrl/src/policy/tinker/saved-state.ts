/** The file tinker.json, with which a folder refers to a model whose weights stay on a server. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { makeFolder } from '../../base/files.js';
import { PolicyError } from '../errors.js';

const savedStateSchema = z.object({
  server: z.string(),
  model: z.string(),
  /** Weights and optimiser, for further training. */
  path: z.string(),
  /** Weights in the form that the server samples from. */
  sampler: z.string().optional(),
  /** How to open the model by its folder alone. */
  opened: z.object({ spec: z.string(), tokenizer: z.string() }).optional(),
  /** Number of updates done. */
  steps: z.number().int().min(0),
  /** Names of snapshots, and their places on the server. */
  snapshots: z.record(z.string(), z.string()),
});

export type SavedState = z.output<typeof savedStateSchema>;

export const STATE_FILE = 'tinker.json';

export async function writeState(folder: string, state: SavedState): Promise<void> {
  await makeFolder(folder);
  await writeFile(join(folder, STATE_FILE), `${JSON.stringify(state, null, 2)}\n`);
}

/** @throws PolicyError `invalid-argument` if the file cannot be read, or holds something else. */
export async function readState(folder: string): Promise<Partial<SavedState>> {
  const place = join(folder, STATE_FILE);
  try {
    return savedStateSchema.partial().parse(JSON.parse(await readFile(place, 'utf8')));
  } catch (error) {
    const [issue] = error instanceof z.ZodError ? error.issues : [];
    const why = issue ? `${issue.path.join('.') || 'its content'}: ${issue.message}` : (error as Error).message;
    throw new PolicyError(
      'invalid-argument',
      `${place} cannot be read: ${why}. It should say where on the server the weights are.`,
      { cause: error },
    );
  }
}
