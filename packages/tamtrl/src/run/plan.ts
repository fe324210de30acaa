/** From settings to a run: a new one from presets, files and settings, or an earlier one from its folder. */
import type { RewardMethod } from '../reward/method.js';
import type { RunConfig, SftConfig } from '../train/config.js';
import { RunFolder } from './folder.js';
import { defaultFolder, type RunInfo } from './info.js';
import { parseSettings } from './read.js';
import { type SettingFlags, sftSettings, trainSettings } from './settings.js';

/** A new run. Settings win over `config`, which wins over `preset`. */
export interface RunSettings extends Omit<SettingFlags, 'method'> {
  /** `train` (default): reinforcement learning; `sft`: supervised warm-up. */
  command?: RunInfo['command'];
  /** By name, an ablation's too, or an object of your own. */
  method?: string | RewardMethod;
  /** Where the run is kept; default: `runs/<preset>-<method>-seed<seed>-<time>`. */
  folder?: string;
  /** Model that grades memories (method `judge`) or marks relevant text (relevance `judge`). */
  judge?: string;
  /** For a model behind a server: whose tokenizer it has. */
  tokenizer?: string;
  resume?: undefined;
}

/** An earlier run, which continues with its own settings. */
export interface ResumeSettings {
  /** Folder of the run. */
  resume: string;
  /** Another number of steps. */
  steps?: number;
  /** If the run was started with a method object: the same. */
  method?: RewardMethod;
}

/** Everything that is settled before a model is opened. */
export type RunPlan = {
  info: RunInfo;
  folder: string;
  /** Continue from the checkpoint in the folder. */
  resumed: boolean;
  /** Instead of the method that the configuration names. */
  method?: RewardMethod;
} & ({ command: 'train'; config: RunConfig } | { command: 'sft'; config: SftConfig });

/** @throws RunError naming every setting that cannot be used, or saying that there is no run to resume. */
export async function planRun(settings: RunSettings | ResumeSettings): Promise<RunPlan> {
  return settings.resume === undefined ? newRun(settings) : resumedRun(settings);
}

async function newRun({
  command = 'train',
  method,
  folder,
  judge,
  tokenizer,
  ...flags
}: RunSettings): Promise<RunPlan> {
  const own = typeof method === 'object' ? method : undefined;
  const named = { ...flags, method: typeof method === 'string' ? method : undefined };
  const started = new Date().toISOString();
  if (command === 'sft') {
    const { config, ...names } = await sftSettings(named);
    const info: RunInfo = { command, ...names, tokenizer, started };
    return { command, config, info, folder: folder ?? defaultFolder(info, config.seed), resumed: false };
  }
  const { config, ...names } = await trainSettings(named);
  const info: RunInfo = { command, ...names, judge, tokenizer, started };
  if (own) {
    config.method = own.name;
    info.method = own.name;
  }
  return { command, config, info, folder: folder ?? defaultFolder(info, config.seed), resumed: false, method: own };
}

async function resumedRun({ resume: folder, steps, method }: ResumeSettings): Promise<RunPlan> {
  const { info, ...settings } = await parseSettings(new RunFolder(folder));
  if (steps !== undefined) settings.config.steps = steps;
  return { ...settings, info, folder, resumed: true, method };
}
