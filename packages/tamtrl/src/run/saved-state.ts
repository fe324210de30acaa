/** The run's state in a checkpoint, checked before anything continues from it. */
import { z } from 'zod';
import { metricSchema } from '../data/metrics.js';
import type { RunState } from '../train/store.js';

const whole = z.number().int().min(0);
const share = z.number().min(0).max(1);

/** Earlier versions took the best by exact match, whatever the outcome was, and wrote `exact_match` or `exactMatch`. */
const bestSchema = z
  .object({
    step: whole,
    metric: metricSchema.optional(),
    score: share.optional(),
    exact_match: share.optional(),
    exactMatch: share.optional(),
  })
  .transform(({ step, metric = 'exact_match', score, exact_match, exactMatch }) => {
    return { step, metric, score: score ?? exact_match ?? exactMatch ?? 0 };
  });

/** In the order in which a run gets its values: the files of a resumed run are those of one that never stopped. */
const runStateSchema = z.object({
  kind: z.enum(['reinforcement', 'supervised']),
  step: whole,
  position: whole,
  evaluatedStep: z.number().int().min(-1),
  evaluationsWithoutGain: whole,
  snapshots: z.array(z.string()),
  seconds: z.number().min(0),
  tokens: z.object({ prompt: whole, sampled: whole, scored: whole, trained: whole }),
  latest: share.optional(),
  before: share.optional(),
  best: bestSchema.optional(),
  first: z
    .object({
      entropy: z.number(),
      question_copy_rate: share.optional(),
      prompt_copy_rate: share.optional(),
      reward: z.number().optional(),
      overflow_rate: share.optional(),
      answer_overflow_rate: share.optional(),
    })
    .optional(),
}) satisfies z.ZodType<RunState>;

export const savedCheckpointSchema = z.object({ state: runStateSchema, config: z.looseObject({}) });

/** "state.step: expected number, received string" */
export function firstIssue({ issues: [{ path, message }] }: z.ZodError): string {
  return path.length === 0 ? message : `${path.join('.')}: ${message}`;
}
