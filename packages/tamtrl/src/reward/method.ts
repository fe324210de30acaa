/**
 * What a reward method is: a way to score the memory turns of groups of rollouts. Everything else (outcome,
 * combination, advantages, loss) is common to all methods. A method is one object in its own file; methods.ts
 * lists those that have a name in configurations, and `train()` also takes one that is not listed.
 */
import { z } from 'zod';
import type { ExampleSource } from '../data/examples.js';
import type { Budgets, PromptFrames } from '../memory/frames.js';
import type { Policy, TrainablePolicy } from '../policy/types.js';
import { RewardError } from './errors.js';
import type { RolloutGroup, TurnScores } from './group.js';

/** Options by name, each with its schema. */
export type OptionShape = z.ZodRawShape;

/** The values of options: what a configuration sets, defaults elsewhere. */
export type OptionValues<Options extends OptionShape> = z.output<z.ZodObject<Options>>;

/** `Options`: its own options. `Prepared`: what `prepare` makes. */
export interface RewardMethod<Options extends OptionShape = OptionShape, Prepared = unknown> {
  readonly name: string;
  /** One line that says what the score of a memory turn is; lists and docs/method.md show it. */
  readonly summary: string;
  /** A paragraph with the formula, its source and what is ours, in Markdown; docs/method.md shows it. */
  readonly documentation?: string;
  /**
   * The method's options, which are part of `reward` in the configuration. Methods may share an option if they share
   * its schema. Every option has a default or is optional. What a new method adds has to be optional: a default would
   * be written into every configuration, and checkpoints from before would no longer match theirs.
   */
  readonly options?: Options;
  readonly requires: Requirements;
  /** It gives tokens advantages of their own, so that a single rollout of a question can teach. */
  readonly perToken?: boolean;
  /**
   * Makes, before the first step of every session, what the method needs besides the policy. The same inputs must give
   * the same result.
   */
  prepare?(context: PreparationContext<Options>): Promise<Prepared>;
  /** Scores the memory turns of a draw. */
  turnScores(groups: readonly RolloutGroup[], context: MethodContext<Options, Prepared>): Promise<MethodResult>;
}

/** What a method needs of policy, data and setup; absent: nothing. */
export interface Requirements {
  /** Log-probabilities of given tokens. */
  score?: boolean;
  /** Relevance marks, so that there are filtered chunks. */
  relevance?: boolean;
  judge?: boolean;
  /** A second copy of the policy's model. */
  copy?: boolean;
}

/** What both hooks of a method get. */
export interface CommonContext<Options extends OptionShape> {
  frames: PromptFrames;
  options: OptionValues<Options>;
  /** Limits in tokens of the parts of a conversation. */
  budgets: Budgets;
  /** Sampling temperature of the rollouts: the temperature at which the policy is pi. */
  temperature: number;
  signal?: AbortSignal;
}

export interface PreparationContext<Options extends OptionShape = OptionShape> extends CommonContext<Options> {
  /** The policy with the weights that the run starts from, also when the run is being resumed. */
  policy: TrainablePolicy;
  /** Opens the same model again, with the same weights. Whoever gave the function closes what it opens. */
  openCopy(): Promise<Policy>;
  /** Training questions. */
  train: ExampleSource;
  /** How the run makes rollouts. */
  topP: number;
  groupSize: number;
  empty: 'keep' | 'overwrite';
  /** Seed of the run. */
  seed: number;
  /** Tells the user a sentence. */
  note(text: string): void;
}

export interface MethodContext<Options extends OptionShape = OptionShape, Prepared = unknown>
  extends CommonContext<Options> {
  policy: Policy;
  /** What `prepare` made. */
  prepared: Prepared;
  /**
   * Whose likelihoods count, for methods that score with the policy; default: the live policy. `weights`: a snapshot.
   */
  teacher?: { policy: Policy; weights?: string };
  judge?: Policy;
  /** Seed of this step, for methods that sample. */
  seed: number;
}

export interface MethodResult {
  /** A finite number for each memory turn, [groups][G][T_i]. Absent: every turn gets the outcome. */
  scores?: TurnScores;
  /** What takes the place of R in the rewards; metrics and `imitates` keep R. [groups][G] */
  outcomes?: readonly (readonly number[])[];
  /** Advantages of single tokens, beside those of turns. */
  tokenAdvantages?: TokenAdvantages;
  /**
   * Where the scores come from a teacher's likelihood: its log-probability of every token of every memory turn's
   * output, [groups][G][T_i][tokens]. Runs keep it for people to look at; it changes nothing.
   */
  teacherLogProbabilities?: readonly (readonly (readonly (readonly number[])[])[])[];
  /** Tokens that were read to find the scores; default 0. */
  tokens?: number;
  /** Further numbers for the step's metrics. */
  metrics?: Record<string, number>;
}

/**
 * The advantage of token j of memory turn t is share_j A_t + added_j, with A_t the advantage of the turn. An answer's
 * tokens get answerShare A.
 */
export interface TokenAdvantages {
  /** One number for each token of each memory turn's output. [groups][G][T_i][tokens] */
  added: readonly (readonly (readonly (readonly number[])[])[])[];
  /** For all tokens of memory turns, or for each of them in the same shape; default 1. */
  share?: number | TokenAdvantages['added'];
  /** Default 1. */
  answerShare?: number;
}

/**
 * The options of a method out of `reward` of the configuration, with their defaults.
 * @throws RewardError `invalid-argument` naming the option that does not fit its schema.
 */
export function optionsOf<Options extends OptionShape>(
  method: Pick<RewardMethod<Options>, 'name' | 'options'>,
  reward: Readonly<Record<string, unknown>>,
): OptionValues<Options> {
  const parsed = z.object(method.options ?? {}).safeParse(reward);
  if (parsed.success) return parsed.data as OptionValues<Options>;
  const [{ path, message }] = parsed.error.issues;
  throw new RewardError(
    'invalid-argument',
    `The method ${method.name} cannot use reward.${path.join('.')}: ${message.replace(/^Invalid (input|option): /, '')}.`,
  );
}

/** What a run offers, to compare with a method's requirements. */
export interface Offer {
  policy: Policy;
  teacher?: { policy: Policy; weights?: string };
  judge?: Policy;
  /** The training questions have relevance marks. */
  relevance: boolean;
  /** A copy of the model can be opened. */
  copy?: boolean;
  /** The teacher is a moving average. */
  averaged?: boolean;
}

/** @throws RewardError `requirement` naming everything that is missing. */
export function checkRequirements(method: Pick<RewardMethod, 'name' | 'requires'>, offer: Offer): void {
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
      `weights that can be averaged (for the teacher "ema"; use "frozen" instead), which ${scorer.name} does not have`,
    );
  }
  if (requires.relevance && !offer.relevance) {
    missing.push('relevance marks, which the records lack (use lexical or judged relevance)');
  }
  if (requires.judge && !offer.judge) missing.push('a judge, and none is given');
  if (requires.copy && !offer.copy) missing.push('a second copy of the model, and no openCopy is given to open one');
  if (missing.length > 0) {
    throw new RewardError('requirement', `The method ${method.name} needs ${missing.join('; and ')}.`);
  }
}
