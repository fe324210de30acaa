/** Reads a run from its folder, while it is going on or after it has ended. Nothing is written. */
import type { z } from 'zod';
import { inPresentNames, type RunConfig, runConfigSchema, type SftConfig, sftConfigSchema } from '../train/config.js';
import { endReason, type TrainingSummary } from '../train/loop.js';
import type { MetricsLine } from '../train/metrics.js';
import { RunError } from './errors.js';
import { RUN_FILES, RunFolder } from './folder.js';
import type { RunInfo } from './info.js';
import type { HeldOutReadings } from './readings.js';

/** How a run was started, with its configuration. */
export type SavedSettings = { info: RunInfo } & (
  | { command: 'train'; config: RunConfig }
  | { command: 'sft'; config: SftConfig }
);

export type SavedRun = SavedSettings & {
  folder: string;
  /** Steps and evaluations in order. */
  metrics: MetricsLine[];
  /** Held-out questions read before and after training. */
  readings: HeldOutReadings;
  /** The run's state at its last checkpoint. A run that is still going on also has the reason `stopped`. */
  summary: TrainingSummary;
};

/**
 * The run in a folder.
 * @throws RunError `no-run` if there is none, `settings` if its configuration is of another version; TrainError
 *   `checkpoint` if its checkpoint is missing or damaged.
 */
export async function readRun(path: string): Promise<SavedRun> {
  const folder = new RunFolder(path);
  const settings = await parseSettings(folder);
  const [metrics, readings, { state }] = await Promise.all([
    folder.readMetrics(),
    folder.readReadings(),
    folder.loadCheckpoint(),
  ]);
  const evaluated = state.evaluatedStep === state.step;
  const reason = (evaluated ? endReason(state, settings.config) : undefined) ?? 'stopped';
  const improved = state.best !== undefined && state.best.step > 0;
  const model = folder.checkpoint(improved ? 'best' : 'final');
  return {
    ...settings,
    folder: path,
    metrics,
    readings,
    summary: { reason, state, model, seconds: state.seconds },
  };
}

/**
 * @throws RunError `no-run` if info or configuration are missing, `settings` if the configuration is of another
 * version.
 */
export async function parseSettings(folder: RunFolder): Promise<SavedSettings> {
  const { info, config } = await folder.readSettings();
  if (info.command === 'sft') return { info, command: 'sft', config: parse(sftConfigSchema, config, folder) };
  return { info, command: 'train', config: parse(runConfigSchema, config, folder) };
}

function parse<Schema extends z.ZodType>(schema: Schema, config: unknown, { path }: RunFolder): z.output<Schema> {
  const parsed = schema.safeParse(inPresentNames(config));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new RunError(
    'settings',
    `${path}/${RUN_FILES.config}: ${issue.path.join('.')}: ${issue.message}. Was it written by another version?`,
  );
}
