/** The parts that reinforcement needs besides the loop, and whether they fit the configuration. */
import type { CrossEntropyLoss, Policy, PolicyGradientLoss } from '../policy/types.js';
import { checkRequirements, type RewardMethod } from '../reward/method.js';
import type { LoadedReward, OwnReward } from '../reward/own-reward.js';
import { checkCombinations } from './combinations.js';
import type { RunConfig } from './config.js';
import { TrainError } from './errors.js';
import type { Run, TrainingSetup } from './loop.js';
import { imitates } from './objective.js';

export interface ReinforcementSetup extends TrainingSetup<RunConfig> {
  /** Scores instead of the policy itself, for `config.teacher` "other"; it must have the same tokenizer. */
  teacher?: Policy;
  judge?: Policy;
  /**
   * The reward method, by name or an object of your own; default: `config.method`. The run's configuration keeps its
   * name.
   */
  method?: string | RewardMethod;
  /**
   * A reward of your own: outcomes, turn scores, or both. Its turn scores take the place of a method. The run's
   * configuration keeps where it comes from (`reward.module`); the run resumes only with the reward given again.
   */
  reward?: OwnReward | LoadedReward;
  /** Opens the policy's model again, for methods that train a copy. The caller closes what it opens. */
  openCopy?: () => Promise<Policy>;
  /** Receives sentences for the user about what happens before the first step. */
  note?: (text: string) => void;
}

/** Names of the snapshots: the weights at the start of the run, and their moving average. */
export const INITIAL = 'initial';
export const AVERAGE = 'ema';

/** Checks method, policy and data against one another; returns the snapshots that the run needs. */
export async function checkRun(
  setup: ReinforcementSetup,
  run: Run<RunConfig>,
  method: RewardMethod,
): Promise<string[]> {
  const { config, policy, train: source } = run;
  checkCombinations(config, method);
  checkTeacher(setup);
  const distils = config.objective === 'distillation';
  const teacher = method.requires.score || distils ? teacherOf(setup) : undefined;
  checkGroupSize(config, method);
  const { score, snapshots, train: trains } = policy.capabilities;
  if (!trains)
    throw new TrainError('capability', `${policy.name} cannot be trained, because its weights are not accessible.`);
  checkRequirements(method, {
    policy,
    teacher,
    judge: setup.judge,
    copy: setup.openCopy !== undefined,
    relevance: source.relevance,
    averaged: teacher?.weights === AVERAGE,
  });
  if (distils && !source.relevance) {
    throw new TrainError(
      'config',
      'Distillation lets a teacher read only what is relevant, but the training records have no relevance marks. Set relevance to "lexical", or annotate them.',
    );
  }
  if (comparesWithStart(config) && !(score && snapshots)) {
    throw new TrainError(
      'capability',
      `klCoefficient is ${config.klCoefficient}, but ${policy.name} keeps no snapshot of its initial weights to compare with. Set it to 0.`,
    );
  }
  if (recomputes(run) && !score) {
    throw new TrainError(
      'capability',
      `${policy.name} cannot recompute log-probabilities. Set oldLogProbabilities to "sampler".`,
    );
  }
  if (config.samplingPrecision === 'int8' && !imitates(config.objective) && !recomputes(run)) {
    throw new TrainError(
      'config',
      `samplingPrecision "int8" draws tokens with other probabilities than training has, but the old log-probabilities are the sampler's (oldLogProbabilities "${config.oldLogProbabilities}", asyncRollouts ${config.asyncRollouts}). Set oldLogProbabilities to "recompute" and asyncRollouts to false; importanceSampling then corrects the difference.`,
    );
  }
  if (config.importanceSampling && !imitates(config.objective) && !recomputes(run)) {
    throw new TrainError(
      'config',
      `importanceSampling weighs tokens by trainer over sampler, but the old log-probabilities are the sampler's own (oldLogProbabilities "${config.oldLogProbabilities}", asyncRollouts ${config.asyncRollouts}), so every weight would be 1. Set oldLogProbabilities to "recompute" and asyncRollouts to false, or leave importanceSampling out.`,
    );
  }
  if (config.ratio !== undefined && config.ratio !== 'token' && !score) {
    throw new TrainError(
      'capability',
      `ratio is "${config.ratio}", which needs log-probabilities before each update, and ${policy.name} gives none. Set it to "token".`,
    );
  }
  await policy.checkTraining?.({ loss: lossOf(config), temperature: config.temperature, signal: run.signal });
  const frozen = comparesWithStart(config) || teacher?.weights === INITIAL;
  return [...(frozen ? [INITIAL] : []), ...(teacher?.weights === AVERAGE ? [AVERAGE] : [])];
}

/** Methods that teach nothing by a single rollout, whatever the advantage, and why. */
const COMPARES_ROLLOUTS: Readonly<Record<string, string>> = {
  memagent: 'every turn of it earns the same',
  infomem: 'every turn of it earns the same',
  himpo: 'the method himpo compares memories of several rollouts',
};

/** @throws TrainError `config` if rollouts have nothing to be compared with, so that no step could change anything. */
function checkGroupSize({ groupSize, advantage, objective }: RunConfig, method: RewardMethod): void {
  if (groupSize > 1 || imitates(objective)) return;
  const ofMethod = COMPARES_ROLLOUTS[method.name];
  if (ofMethod === undefined && (method.perToken || advantage.startsWith('question'))) return;
  const why = ofMethod ?? `advantage "${advantage}" compares ${advantage.startsWith('kind') ? 'answers' : 'rollouts'}`;
  throw new TrainError(
    'config',
    `groupSize is 1: a single rollout has nothing to be compared with (${why}), so no step would change the weights. Set it to 2 or more; the paper uses 8.`,
  );
}

/** Texts that tokenizers of different families cut differently. */
const PROBE =
  'In 1997, Zürich-based “Quantum” co-founders earned $3.14 billion;\n\tthen 東京 antidisestablishmentarianism. anna oslo ?';

/**
 * @throws TrainError `config` or `capability` if `teacher` is "other" and none, or none that can read the policy's
 * tokens, is given.
 */
function checkTeacher({ config, policy, teacher }: ReinforcementSetup): void {
  if ((config.teacher === 'other') !== (teacher !== undefined)) {
    throw new TrainError(
      'config',
      teacher
        ? `A teacher model is given (${teacher.name}), but teacher is "${config.teacher}". Set teacher to "other", or give no model.`
        : 'teacher is "other", but no teacher model is given. Name one with --teacher, or use "self", "ema" or "frozen".',
    );
  }
  if (!teacher) return;
  const [own, other] = [policy, teacher].map(({ tokenizer }) => tokenizer);
  if (own.vocabularySize === other.vocabularySize && own.encode(PROBE).join() === other.encode(PROBE).join()) return;
  throw new TrainError(
    'capability',
    `The teacher ${teacher.name} has another tokenizer than ${policy.name}: it scores the very tokens that the policy wrote, so both must split text the same way. Use a teacher of the same family.`,
  );
}

/** Who scores memories, and with which weights; undefined weights are the live ones. */
export function teacherOf({ config, policy, teacher }: ReinforcementSetup): { policy: Policy; weights?: string } {
  if (teacher) return { policy: teacher };
  return { policy, weights: { self: undefined, other: undefined, frozen: INITIAL, ema: AVERAGE }[config.teacher] };
}

export function lossOf({ objective, ...config }: RunConfig): PolicyGradientLoss | CrossEntropyLoss {
  if (imitates(objective)) return { kind: 'cross-entropy' };
  const { clipLow, clipHigh, dualClip, klCoefficient, entropyCoefficient } = config;
  return { kind: 'policy-gradient', clipLow, clipHigh, dualClip, klCoefficient, entropyCoefficient };
}

/** Before the first update of a step, old and new log-probabilities are the same numbers. */
export function oldAreOfPresentWeights(run: Run<RunConfig>): boolean {
  const { config, policy } = run;
  return !config.asyncRollouts && (recomputes(run) || policy.capabilities.exactLogProbabilities);
}

/** The loss has a KL term to the initial weights. */
export function comparesWithStart({ objective, klCoefficient }: RunConfig): boolean {
  return klCoefficient > 0 && !imitates(objective);
}

/**
 * The loss needs log-probabilities other than the sampler's. Rollouts that are drawn ahead keep the sampler's: the
 * ratio to them is what makes up for the older weights.
 */
export function recomputes({ config, policy }: Run<RunConfig>): boolean {
  const { oldLogProbabilities: choice, asyncRollouts, objective } = config;
  if (imitates(objective)) return false;
  return choice === 'recompute' || (choice === 'auto' && !asyncRollouts && !policy.capabilities.exactLogProbabilities);
}
