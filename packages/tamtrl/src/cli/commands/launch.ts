/** From the flags of `train` and `sft` to a run: a new one from its settings, or an earlier one from its folder. */
import { join } from 'node:path';
import type { z } from 'zod';
import { requireNamedServer } from '../../models/hosts.js';
import { serverOf } from '../../models/spec.js';
import { defaultFolder, type RunInfo, readRun } from '../../run/info.js';
import { sftSettings, trainSettings } from '../../run/settings.js';
import { hasCheckpoint } from '../../train/checkpoint.js';
import { runConfigSchema, sftConfigSchema } from '../../train/config.js';
import { requireUnusedFolder } from '../../train/used-folder.js';
import { UsageError } from '../terminal/errors.js';
import { type RunFlags, resumedFolder } from '../terminal/options.js';
import type { Launch } from './session.js';

export async function launchTrain(flags: RunFlags): Promise<Launch> {
  const resumed = await resumedRun(flags, 'train', runConfigSchema);
  if (resumed) return { ...resumed, command: 'train' };
  const { config, ...names } = await trainSettings(flags);
  requireNamedModels(flags, [
    { spec: config.model, place: `${flags.config}: model` },
    { spec: config.teacherModel, place: `${flags.config}: teacherModel` },
  ]);
  return {
    ...(await newRun(
      flags,
      { command: 'train', ...names, judge: flags.judge, tokenizer: flags.tokenizer },
      config.seed,
    )),
    command: 'train',
    config,
  };
}

export async function launchSft(flags: RunFlags): Promise<Launch> {
  const resumed = await resumedRun(flags, 'sft', sftConfigSchema);
  if (resumed) return { ...resumed, command: 'sft' };
  const { config, ...names } = await sftSettings(flags);
  requireNamedModels(flags, [{ spec: config.model, place: `${flags.config}: model` }]);
  return {
    ...(await newRun(flags, { command: 'sft', ...names, tokenizer: flags.tokenizer }, config.seed)),
    command: 'sft',
    config,
  };
}

async function newRun(flags: RunFlags, parts: Omit<RunInfo, 'started'>, seed: number) {
  const { out, json = false } = flags;
  const info: RunInfo = { ...parts, started: new Date().toISOString() };
  const folder = out ?? defaultFolder(info, seed);
  // Refused here too, before a model is downloaded or opened.
  await requireUnusedFolder(folder);
  return { info, folder, resume: false, json, allowHosts: namedHosts(flags) };
}

/** Servers that the command line names. A name that cannot be read is refused where its model is opened. */
function namedHosts({ model, teacher, judge, allowHost = [] }: RunFlags): string[] {
  const servers = [model, teacher, judge].map((spec) => {
    try {
      return spec === undefined ? undefined : serverOf(spec);
    } catch {
      return undefined;
    }
  });
  return [...allowHost, ...servers.filter((origin) => origin !== undefined && URL.canParse(origin)).map(String)];
}

/** @throws PolicyError for a model at a server that only a file names. */
function requireNamedModels(flags: RunFlags, models: readonly { spec: string | undefined; place: string }[]): void {
  const { model, teacher, judge } = flags;
  for (const { spec, place } of models) {
    if (spec === undefined || [model, teacher, judge].includes(spec)) continue;
    const origin = serverOf(spec);
    if (origin !== undefined) requireNamedServer({ origin, place }, namedHosts(flags));
  }
}

async function resumedRun<Schema extends z.ZodType<{ steps: number; model: string; teacherModel?: string }>>(
  flags: RunFlags,
  command: RunInfo['command'],
  schema: Schema,
) {
  const folder = resumedFolder(flags);
  if (folder === undefined) return undefined;
  const { info, config: saved } = await readRun(folder);
  if (info.command !== command) {
    throw new UsageError(`The run in ${folder} was started with "tamtrl ${info.command}"; resume it with that.`);
  }
  const parsed = schema.safeParse(saved);
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues;
    throw new UsageError(`${folder}/config.json: ${path.join('.')}: ${message}. Was it written by another version?`);
  }
  // The folder may come from somebody else.
  const { model, teacherModel } = parsed.data;
  requireNamedModels(flags, [
    { spec: model, place: `${join(folder, 'config.json')}: model` },
    { spec: teacherModel, place: `${join(folder, 'config.json')}: teacherModel` },
    { spec: info.judge, place: `${join(folder, 'info.json')}: judge` },
  ]);
  const steps = flags.steps ?? parsed.data.steps;
  const { json = false } = flags;
  // A run that was killed before its first checkpoint starts again, with its own settings.
  const resume = await hasCheckpoint(join(folder, 'checkpoints'));
  const config = { ...parsed.data, steps };
  return { info, folder, resume, restart: !resume, json, allowHosts: namedHosts(flags), config };
}
