/** Refusals of the reward room: methods and what they need. */
import { TamtrlError } from '../base/errors.js';

export type RewardErrorKind = 'unknown-method' | 'requirement' | 'shape' | 'labels' | 'invalid-argument' | 'module';

/** What happened, what was expected, and what to do. */
export class RewardError extends TamtrlError<RewardErrorKind> {
  static override readonly errorName = 'RewardError';
}
