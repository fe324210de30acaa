/**
 * Lines of groups.jsonl and trajectories.jsonl, checked: a page must not stumble over one that is not what it seems.
 */
import { z } from 'zod';

const whole = z.number().int().min(0);
const kind = z.enum(['memory', 'answer']);
const place = { start: whole, end: whole };

const turn = { kind, text: z.string(), stopReason: z.string(), reward: z.number(), advantage: z.number() };
const head = {
  step: whole,
  questionId: z.string(),
  question: z.string(),
  answers: z.array(z.string()),
};

/** See `KeptGroup`. */
export const keptGroupSchema = z.object({
  ...head,
  initialMemory: z.string(),
  chunks: z.array(
    z.object({
      ...place,
      parts: z.array(
        z.union([z.object({ text: z.string(), relevant: z.literal(true).optional() }), z.object({ left: whole })]),
      ),
    }),
  ),
  rollouts: z.array(
    z.object({
      sample: whole,
      outcome: z.number(),
      answer: z.string(),
      turns: z.array(
        z.object({
          ...turn,
          memory: z.union([z.tuple([whole, whole]), z.string()]).optional(),
          score: z.number().optional(),
          lengths: z.string(),
          student: z.string(),
          teacher: z.string().optional(),
        }),
      ),
    }),
  ),
});

/** See `WrittenTrajectory`. */
export const trajectorySchema = z.object({
  ...head,
  sample: whole,
  outcome: z.number(),
  output: z.string(),
  turns: z.array(z.object({ ...turn, score: z.number().nullish() })),
});
