/**
 * How a run was started: kept in its folder, so that it can be resumed and reported on without further settings.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { timeStamp } from '../base/format.js';

export const infoSchema = z.object({
  command: z.enum(['train', 'sft']),
  preset: z.string(),
  /** As it was named on the command line or in the file: an ablation's name rather than its method's. */
  method: z.string(),
  /** File with a reward of the user's own, and what it held when the run was started. */
  reward: z.object({ file: z.string(), sha256: z.string() }).optional(),
  /** Model that grades memories for the method judge, or marks what is relevant. */
  judge: z.string().optional(),
  /** Whose tokenizer is used for a model at a server. */
  tokenizer: z.string().optional(),
  /** When the run was started, ISO 8601. */
  started: z.string(),
});

export type RunInfo = z.output<typeof infoSchema>;

/** For a run that a program started with `train()`: what its configuration says. */
export function infoFrom(config: unknown, started: Date): RunInfo {
  const { method } = (config ?? {}) as { method?: unknown };
  const names =
    typeof method === 'string' ? ({ command: 'train', method } as const) : ({ command: 'sft', method: 'sft' } as const);
  return { ...names, preset: 'custom', started: started.toISOString() };
}

/** "mini-tamtrl-seed0-20260131-235959" */
export function defaultFolder({ preset, method, started }: RunInfo, seed: number): string {
  return join('runs', [preset, method, `seed${seed}`, timeStamp(started)].join('-'));
}
