/** From settings to a run: a new one from presets, files and settings, or an earlier one from its folder. */
import { suggestion } from '../base/nearest.js';
import { requireNamedServer } from '../models/hosts.js';
import { serverOf } from '../models/spec.js';
import type { RewardMethod } from '../reward/method.js';
import type { LoadedReward, OwnReward } from '../reward/own-reward.js';
import { type RunConfig, runConfigSchema, type SftConfig } from '../train/config.js';
import { RunError } from './errors.js';
import { RunFolder } from './folder.js';
import { defaultFolder, type RunInfo } from './info.js';
import { openReward, reopenReward } from './own-reward.js';
import { parseSettings } from './read.js';
import { type SettingFlags, sftSettings, trainSettings } from './settings.js';

/** A new run. Settings win over `config`, which wins over `preset`. */
export interface RunSettings extends Omit<SettingFlags, 'method' | 'reward'> {
  /** `train` (default): reinforcement learning; `sft`: supervised warm-up. */
  command?: RunInfo['command'];
  /** By name, an ablation's too, or an object of your own. */
  method?: string | RewardMethod;
  /** A reward of your own: a file, or an object. A configuration names a file as `reward.module`. */
  reward?: string | OwnReward;
  /** Where the run is kept; default: `runs/<preset>-<method>-seed<seed>-<time>`. */
  folder?: string;
  /** Model that grades memories (method `judge`) or marks relevant text (relevance `judge`). */
  judge?: string;
  /** For a model behind a server: whose tokenizer it has. */
  tokenizer?: string;
  /** Servers (HOST, HOST:PORT or http://HOST:PORT) that a configuration file or a model folder may name. */
  allowHosts?: readonly string[];
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
  /** If the run was started with a reward of your own: the same. Its folder keeps the name only, because it is code. */
  reward?: string | OwnReward;
  /** Servers that the files of the run may name: the folder may come from somebody else. */
  allowHosts?: readonly string[];
}

/** Everything that is settled before a model is opened. */
export type RunPlan = {
  info: RunInfo;
  folder: string;
  /** Continue from the checkpoint in the folder. */
  resumed: boolean;
  /** It was to be resumed, but had been killed before its first checkpoint: it starts again with its own settings. */
  restarted: boolean;
  /** Servers that models in files may be at. */
  allowHosts: readonly string[];
  /** Instead of the method that the configuration names. */
  method?: RewardMethod;
  /** A reward of the user's own. */
  reward?: LoadedReward;
  /** The reward's file is another than the run was started with. */
  rewardChanged?: boolean;
} & ({ command: 'train'; config: RunConfig } | { command: 'sft'; config: SftConfig });

/**
 * @throws RunError naming every setting that cannot be used, or saying that there is no run to resume; PolicyError for
 *   a server that only a file names; TrainError `checkpoint` for a folder that is in use.
 */
export async function planRun(settings: RunSettings | ResumeSettings): Promise<RunPlan> {
  requireKnown(settings);
  return settings.resume === undefined ? newRun(settings) : resumedRun(settings);
}

/** The settings that are not in the configuration. */
const KNOWN: Record<keyof RunSettings | keyof ResumeSettings, true> = {
  command: true,
  method: true,
  folder: true,
  judge: true,
  tokenizer: true,
  allowHosts: true,
  resume: true,
  preset: true,
  config: true,
  model: true,
  data: true,
  seed: true,
  steps: true,
  teacher: true,
  thinking: true,
  precision: true,
  adapterRank: true,
  reward: true,
};

/** Otherwise, a setting that TypeScript has not checked would be ignored silently. */
function requireKnown(settings: object): void {
  const known = Object.keys(KNOWN);
  const unknown = Object.keys(settings).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const where =
    unknown in runConfigSchema.shape ? `It belongs in config: { ${unknown}: … }.` : suggestion(unknown, known);
  throw new RunError('settings', `A run has no setting "${unknown}". ${where}`);
}

async function newRun(settings: RunSettings): Promise<RunPlan> {
  const { command = 'train', method, reward: given, folder, judge, tokenizer, allowHosts, ...flags } = settings;
  const own = typeof method === 'object' ? method : undefined;
  const named = {
    ...flags,
    method: typeof method === 'string' ? method : undefined,
    reward: typeof given === 'string' ? given : undefined,
  };
  const resolved =
    command === 'sft'
      ? ({ command, ...(await sftSettings(named)) } as const)
      : ({ command, ...(await trainSettings(named)) } as const);
  const { config, preset, method: name, methodNamed } = resolved;
  const reward =
    resolved.command === 'train' ? await openReward(given, resolved.config, methodNamed ? name : own?.name) : undefined;
  const info: RunInfo = {
    command,
    preset,
    method: own?.name ?? reward?.method ?? name,
    reward: reward?.info,
    judge,
    tokenizer,
    started: new Date().toISOString(),
  };
  const plan = {
    info,
    folder: folder ?? defaultFolder(info, config.seed),
    resumed: false,
    restarted: false,
    allowHosts: [...(allowHosts ?? []), ...serversOf([flags.model, flags.teacher, judge])],
  };
  if (typeof flags.config === 'string') {
    const given = [flags.model, flags.teacher, judge];
    const found = modelsOf(resolved, flags.config).filter(({ address }) => !given.includes(address));
    requireNamedServers(found, plan.allowHosts);
  }
  // The trainer refuses it too, but after the models have been downloaded and opened.
  await new RunFolder(plan.folder).requireUnused();
  if (resolved.command === 'sft') return { ...plan, command: resolved.command, config: resolved.config };
  const trained = { ...resolved.config, method: own?.name ?? reward?.method ?? resolved.config.method };
  if (reward) trained.reward = { ...trained.reward, module: reward.loaded.place };
  return { ...plan, command: resolved.command, config: trained, method: own, reward: reward?.loaded };
}

async function resumedRun({
  resume: path,
  steps,
  method,
  reward: given,
  allowHosts = [],
}: ResumeSettings): Promise<RunPlan> {
  const folder = new RunFolder(path);
  const settings = await parseSettings(folder);
  const { judge } = settings.info;
  const found = modelsOf(settings, folder.file('config'));
  if (judge !== undefined) found.push({ address: judge, place: `${folder.file('info')}: judge` });
  requireNamedServers(found, allowHosts);
  if (steps !== undefined) settings.config.steps = steps;
  const resumed = await folder.hasCheckpoint();
  const plan = { ...settings, folder: path, resumed, restarted: !resumed, method, allowHosts };
  if (settings.command !== 'train') return plan;
  const reward = await reopenReward(given, settings.config, path);
  const before = settings.info.reward?.sha256;
  const rewardChanged = before !== undefined && reward?.info?.sha256 !== before;
  return { ...plan, reward: reward?.loaded, rewardChanged };
}

interface FoundModel {
  address: string;
  /** The file that names it, and the setting. */
  place: string;
}

function modelsOf({ config }: Pick<RunPlan, 'command' | 'config'>, file: string): FoundModel[] {
  const found = [{ address: config.model, place: `${file}: model` }];
  const teacher = 'teacherModel' in config ? config.teacherModel : undefined;
  if (teacher !== undefined) found.push({ address: teacher, place: `${file}: teacherModel` });
  return found;
}

/** Servers that the caller has named. A name that cannot be read is refused where its model is opened. */
function serversOf(addresses: readonly (string | undefined)[]): string[] {
  return addresses.flatMap((address) => {
    try {
      const origin = address === undefined ? undefined : serverOf(address);
      return origin !== undefined && URL.canParse(origin) ? [origin] : [];
    } catch {
      return [];
    }
  });
}

/** @throws PolicyError for a model at a server that only a file names. */
function requireNamedServers(found: readonly FoundModel[], allowHosts: readonly string[]): void {
  for (const { address, place } of found) {
    const origin = serverOf(address);
    if (origin !== undefined) requireNamedServer({ origin, place }, allowHosts);
  }
}
