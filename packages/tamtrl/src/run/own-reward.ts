/** The reward of one's own that a run asks for, loaded and held against the rest of its settings. */

import { checkedReward, type LoadedReward, type OwnReward, rewardParts } from '../reward/own-reward.js';
import { loadReward, rewardFingerprint } from '../reward/reward-module.js';
import type { RunConfig } from '../train/config.js';
import { RunError } from './errors.js';
import type { RunInfo } from './info.js';
import { OWN_REWARD } from './recipes.js';

export interface OpenedReward {
  loaded: LoadedReward;
  /** Name of the method that its turn scores make. */
  method?: string;
  /** Of a file. */
  info?: RunInfo['reward'];
}

/** Limit of a call, and of loading, in seconds, if the configuration names none. */
const SECONDS = 60;

/**
 * @param given a file, or an object; otherwise the configuration may name a file
 * @param method the method that the settings name, if they name one
 * @throws RewardError `module`; RunError `settings` if the turns would be scored twice
 */
export async function openReward(
  given: string | OwnReward | undefined,
  { reward: settings }: RunConfig,
  method: string | undefined,
): Promise<OpenedReward | undefined> {
  const seconds = settings.moduleSeconds ?? SECONDS;
  const found = given ?? settings.module;
  if (found === undefined) {
    if (method !== OWN_REWARD) return undefined;
    throw new RunError(
      'settings',
      'The method "own" takes its rewards from a file, but none is named. Give --reward FILE, or set reward.module.',
    );
  }
  const loaded =
    typeof found === 'string' ? await loadReward(found, seconds) : checkedReward(found, found.name ?? 'reward');
  const own = rewardParts(loaded, seconds).method;
  if (own && method !== undefined && method !== OWN_REWARD && method !== own.name) {
    throw new RunError(
      'settings',
      `${loaded.place} scores memory turns itself, and so does the method "${method}". Leave one of the two out, or keep only the function outcome.`,
    );
  }
  const info = typeof found === 'string' ? { file: found, sha256: await rewardFingerprint(found) } : undefined;
  return { loaded, method: own?.name, info };
}

/** The reward of a run that continues. @throws RunError `settings` if it had one and none is given, or the reverse. */
export async function reopenReward(
  given: string | OwnReward | undefined,
  config: RunConfig,
  folder: string,
): Promise<OpenedReward | undefined> {
  const { module } = config.reward;
  if (given === undefined && module !== undefined) {
    throw new RunError(
      'settings',
      `The run in ${folder} takes its rewards from ${module}. That is code, which a folder from somebody else must not start: name it again, --resume ${folder} --reward ${module}`,
    );
  }
  if (given !== undefined && module === undefined) {
    throw new RunError('settings', `The run in ${folder} was started without a reward of its own. Leave --reward out.`);
  }
  return openReward(given, config, undefined);
}
