/** The learning rate of each step. */
import { z } from 'zod';

/**
 * Names and formulas as in transformers' schedulers, which are the usual ones. Their warm-up begins with a step at 0,
 * this one with a step at 1 / warmupSteps.
 */
export const learningRateScheduleSchema = z.strictObject({
  kind: z.enum(['linear', 'cosine']),
  /** What is left at the end, as a share of the learning rate. */
  least: z.number().min(0).max(1).default(0),
});
export type LearningRateSchedule = z.output<typeof learningRateScheduleSchema>;

export interface LearningRateOptions {
  learningRate: number;
  warmupSteps: number;
  steps: number;
  cooldownSteps?: number;
  learningRateSchedule?: LearningRateSchedule;
}

/**
 * Rises over `warmupSteps`, then constant or on its schedule, then falls over `cooldownSteps`. `step` counts from 1.
 * With p the share of the steps after the warm-up that is done, linear is 1 - p and cosine (1 + cos(pi p)) / 2.
 */
export function learningRateAt(step: number, options: LearningRateOptions): number {
  const { learningRate, warmupSteps, steps, cooldownSteps = 0, learningRateSchedule: schedule } = options;
  const rise = warmupSteps > 0 ? Math.min(1, step / warmupSteps) : 1;
  const fall = cooldownSteps > 0 ? Math.min(1, Math.max(0, steps + 1 - step) / cooldownSteps) : 1;
  if (!schedule) return learningRate * Math.min(rise, fall);
  const done = Math.min(1, Math.max(0, step - 1 - warmupSteps) / Math.max(1, steps - warmupSteps));
  const left = schedule.kind === 'linear' ? 1 - done : (1 + Math.cos(Math.PI * done)) / 2;
  return learningRate * Math.min(rise, fall) * (schedule.least + (1 - schedule.least) * left);
}
