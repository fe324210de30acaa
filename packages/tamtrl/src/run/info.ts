/** What a run's folder keeps beside the files of the trainer, so that it can be resumed and reported on without further flags. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeWhole } from '../base/files.js';
import { type MetricsLine, readMetricsLines } from '../train/metrics.js';
import { RunError } from './errors.js';
import type { HeldOutReadings } from './readings.js';

const infoSchema = z.object({
  command: z.enum(['train', 'sft']),
  preset: z.string(),
  /** As it was named on the command line or in the file. */
  method: z.string(),
  /** Model that grades memories for the judge method, or marks what is relevant. */
  judge: z.string().optional(),
  /** Whose tokenizer is used for a model at a server. */
  tokenizer: z.string().optional(),
  /** When the run was started, ISO 8601. */
  started: z.string(),
});

export type RunInfo = z.output<typeof infoSchema>;

const INFO = 'info.json';
const CONFIG = 'config.json';
const READINGS = 'readings.json';

/** "mini-tamtrl-seed0-20260131-235959" */
export function defaultFolder({ preset, method, started }: RunInfo, seed: number): string {
  const [day, time] = started.split('T');
  const name = [preset, method, `seed${seed}`, day.replaceAll('-', ''), time.slice(0, 8).replaceAll(':', '')];
  return join('runs', name.join('-'));
}

export async function writeInfo(folder: string, info: RunInfo): Promise<void> {
  await writeWhole(join(folder, INFO), info);
}

export async function writeConfig(folder: string, config: unknown): Promise<void> {
  await writeWhole(join(folder, CONFIG), config);
}

/** Info and configuration of an earlier run. @throws RunError if there is no run in the folder, or its files are damaged. */
export async function readRun(folder: string): Promise<{ info: RunInfo; config: unknown }> {
  const config = await readJson(join(folder, CONFIG));
  const info = infoSchema.safeParse(await readJson(join(folder, INFO)));
  if (config === undefined || !info.success) {
    const missing = config === undefined ? CONFIG : INFO;
    throw new RunError(
      'no-run',
      `--resume: there is no run in ${folder}: ${missing} is missing or damaged. Give the folder that the run was written to.`,
    );
  }
  return { info: info.data, config };
}

export async function writeReadings(folder: string, readings: HeldOutReadings): Promise<void> {
  await writeWhole(join(folder, READINGS), readings);
}

/** Empty if there are none. */
export async function readReadings(folder: string): Promise<HeldOutReadings> {
  return ((await readJson(join(folder, READINGS))) as HeldOutReadings | undefined) ?? { before: [] };
}

/** All lines of the run, in order. */
export async function readMetrics(folder: string): Promise<MetricsLine[]> {
  return readMetricsLines(join(folder, 'metrics.jsonl'));
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return undefined;
  }
}
