/**
 * What a training method is: a way to score the memory turns of groups of rollouts. Everything else (outcome, combination,
 * advantages, loss) is common to all of them.
 */
import type { PromptFrames } from '../memory/frames.js';
import type { Policy } from '../policy/types.js';
import type { CombineOptions } from './combine.js';
import { RewardError } from './errors.js';
import type { RolloutGroup, TurnScores } from './group.js';
import type { ProcessRewardModel } from './process-reward.js';
import type { NormalizeScope } from './score-normalization.js';

/** Options of all methods, as in the run's configuration. */
export interface RewardOptions extends CombineOptions {
  lengthNormalize: boolean;
  minmax: boolean;
  scope: NormalizeScope;
  scale: 'logprob' | 'prob';
}

export interface MethodContext {
  policy: Policy;
  frames: PromptFrames;
  options: RewardOptions;
  /** Sampling temperature of the rollouts: the temperature at which the policy is pi. */
  temperature: number;
  /** Most tokens of a chunk. */
  chunkTokens: number;
  /** Who scores for teacher alignment; default: the live policy. `weights` names a snapshot. */
  teacher?: { policy: Policy; weights?: string };
  judge?: Policy;
  processReward?: ProcessRewardModel;
  /** Seed of this step, for methods that sample. */
  seed: number;
  signal?: AbortSignal;
}

export interface MethodResult {
  /** Absent: every turn gets the outcome. */
  scores?: TurnScores;
  /** Memory turns that were scored, and the tokens read for it. */
  rows: number;
  tokens: number;
  /** Further numbers for the step's metrics. */
  metrics: Record<string, number>;
}

export interface Requirements {
  /** Log-probabilities of given tokens. */
  score?: boolean;
  /** Relevance marks, so that there are filtered chunks. */
  relevance?: boolean;
  judge?: boolean;
  processReward?: boolean;
}

export interface RewardMethod {
  readonly name: string;
  /** One line for lists. */
  readonly summary: string;
  readonly requires: Requirements;
  turnScores(groups: readonly RolloutGroup[], context: MethodContext): Promise<MethodResult>;
}

/** What a run offers, to be held against a method's requirements. */
export type Offer = Pick<MethodContext, 'policy' | 'teacher' | 'judge' | 'processReward'> & {
  relevance: boolean;
  /** The teacher is a moving average. */
  averaged?: boolean;
};

/** @throws RewardError `requirement` naming all that is missing. */
export function checkRequirements(method: RewardMethod, offer: Offer): void {
  const { requires } = method;
  const scorer = offer.teacher?.policy ?? offer.policy;
  const missing: string[] = [];
  if (requires.score && !scorer.capabilities.score) {
    missing.push(`log-probabilities of given tokens, which ${scorer.name} does not give`);
  }
  if (offer.teacher?.weights !== undefined && !scorer.capabilities.snapshots) {
    missing.push(`snapshots of weights (for a frozen or averaged teacher), which ${scorer.name} does not keep`);
  } else if (offer.averaged && !scorer.capabilities.averages) {
    missing.push(
      `weights that can be averaged (for the teacher "ema"; "frozen" can be had), which ${scorer.name} cannot`,
    );
  }
  if (requires.relevance && !offer.relevance) {
    missing.push('relevance marks, which the records lack (use lexical or judged relevance)');
  }
  if (requires.judge && !offer.judge) missing.push('a judge, and none is given');
  if (requires.processReward && !offer.processReward) missing.push('a process reward model, and none is given');
  if (missing.length > 0) {
    throw new RewardError('requirement', `The method ${method.name} needs ${missing.join('; and ')}.`);
  }
}
