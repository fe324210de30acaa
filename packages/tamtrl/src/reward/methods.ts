/** The methods there are. A new one is a file of its own and a line here. */
import { RewardError } from './errors.js';
import { llmJudge } from './judge.js';
import type { RewardMethod } from './method.js';
import { outcomeOnly } from './outcome-only.js';
import { processReward } from './process-reward.js';
import { teacherAlignment } from './teacher.js';

export const rewardMethods: readonly RewardMethod[] = [teacherAlignment, outcomeOnly, llmJudge, processReward];

/** @throws RewardError `unknown-method` naming the methods there are. */
export function methodNamed(name: string): RewardMethod {
  const found = rewardMethods.find((method) => method.name === name);
  if (found) return found;
  const known = rewardMethods.map((method) => method.name).join(', ');
  throw new RewardError('unknown-method', `There is no method "${name}"; expected one of: ${known}.`);
}
