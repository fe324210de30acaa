/** Distinguishes policies that can be trained from those that can only sample and score. */
import type { Policy, TrainablePolicy } from './types.js';

export function isTrainable(policy: Policy): policy is TrainablePolicy {
  return policy.capabilities.train && 'forwardBackward' in policy;
}
