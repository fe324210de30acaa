/** What a run's folder keeps beside the files of the trainer, so that it can be resumed and reported on without further flags. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeWhole } from '../base/files.js';
import { hasCheckpoint } from '../train/checkpoint.js';
import { INFO_FILE, type MetricsLine } from '../train/metrics.js';
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

const CONFIG = 'config.json';
const READINGS = 'readings.json';

/** "mini-tamtrl-seed0-20260131-235959" */
export function defaultFolder({ preset, method, started }: RunInfo, seed: number): string {
  const [day, time] = started.split('T');
  const name = [preset, method, `seed${seed}`, day.replaceAll('-', ''), time.slice(0, 8).replaceAll(':', '')];
  return join('runs', name.join('-'));
}

export async function writeInfo(folder: string, info: RunInfo): Promise<void> {
  await writeWhole(join(folder, INFO_FILE), info);
}

export async function writeConfig(folder: string, config: unknown): Promise<void> {
  await writeWhole(join(folder, CONFIG), config);
}

/**
 * Info and configuration of an earlier run.
 * @throws RunError if there is no run in the folder, its files are damaged, or it was killed before anything was saved.
 */
export async function readRun(folder: string): Promise<{ info: RunInfo; config: unknown }> {
  const [info, config] = [await readJson(join(folder, INFO_FILE)), await readJson(join(folder, CONFIG))];
  const parsed = infoSchema.safeParse(info ?? (await infoOfOldRun(folder, config)));
  if (parsed.success && config !== undefined) return { info: parsed.data, config };
  const [missing, advice] = parsed.success
    ? [CONFIG, `If the run was killed as it began, nothing was saved: start it again with --out ${folder}.`]
    : [INFO_FILE, 'Give the folder that the run was written to.'];
  throw new RunError('no-run', `--resume: there is no run in ${folder}: ${missing} is missing or damaged. ${advice}`);
}

/** Earlier versions wrote info.json after the first checkpoint, and could be killed in between. */
async function infoOfOldRun(folder: string, config: unknown): Promise<RunInfo | undefined> {
  if (typeof config !== 'object' || config === null) return undefined;
  const found = await stat(join(folder, INFO_FILE)).catch(() => undefined);
  if (found || !(await hasCheckpoint(join(folder, 'checkpoints')))) return undefined;
  const { method } = config as { method?: unknown };
  const started = (await stat(join(folder, CONFIG))).mtime.toISOString();
  const command = typeof method === 'string' ? 'train' : 'sft';
  return { command, preset: 'custom', method: typeof method === 'string' ? method : 'sft', started };
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
  const text = await readFile(join(folder, 'metrics.jsonl'), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as MetricsLine);
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return undefined;
  }
}
