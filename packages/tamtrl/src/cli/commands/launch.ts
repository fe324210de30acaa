/** From the flags of `train` and `sft` to a run: a new one from its settings, or an earlier one from its folder. */
import type { z } from 'zod';
import { RunFolder } from '../../run/folder.js';
import { defaultFolder, type RunInfo } from '../../run/info.js';
import { sftSettings, trainSettings } from '../../run/settings.js';
import { runConfigSchema, sftConfigSchema } from '../../train/config.js';
import { UsageError } from '../terminal/errors.js';
import { type RunFlags, resumedFolder } from '../terminal/options.js';
import type { Launch } from './session.js';

export async function launchTrain(flags: RunFlags): Promise<Launch> {
  const resumed = await resumedRun(flags, 'train', runConfigSchema);
  if (resumed) return { ...resumed, command: 'train' };
  const { config, ...names } = await trainSettings(flags);
  return {
    ...newRun(flags, { command: 'train', ...names, judge: flags.judge, tokenizer: flags.tokenizer }, config.seed),
    command: 'train',
    config,
  };
}

export async function launchSft(flags: RunFlags): Promise<Launch> {
  const resumed = await resumedRun(flags, 'sft', sftConfigSchema);
  if (resumed) return { ...resumed, command: 'sft' };
  const { config, ...names } = await sftSettings(flags);
  return {
    ...newRun(flags, { command: 'sft', ...names, tokenizer: flags.tokenizer }, config.seed),
    command: 'sft',
    config,
  };
}

function newRun({ out, json = false }: RunFlags, parts: Omit<RunInfo, 'started'>, seed: number) {
  const info: RunInfo = { ...parts, started: new Date().toISOString() };
  return { info, folder: out ?? defaultFolder(info, seed), resume: false, json };
}

async function resumedRun<Schema extends z.ZodType<{ steps: number }>>(
  flags: RunFlags,
  command: RunInfo['command'],
  schema: Schema,
) {
  const folder = resumedFolder(flags);
  if (folder === undefined) return undefined;
  const { info, config: saved } = await new RunFolder(folder).readSettings();
  if (info.command !== command) {
    throw new UsageError(`The run in ${folder} was started with "tamtrl ${info.command}"; resume it with that.`);
  }
  const config = schema.safeParse(saved);
  if (!config.success) {
    const [{ path, message }] = config.error.issues;
    throw new UsageError(`${folder}/config.json: ${path.join('.')}: ${message}. Was it written by another version?`);
  }
  const steps = flags.steps ?? config.data.steps;
  return { info, folder, resume: true, json: flags.json ?? false, config: { ...config.data, steps } };
}
