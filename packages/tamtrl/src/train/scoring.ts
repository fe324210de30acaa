/** How a run scores memory turns: its method is prepared once, asked at every draw, and its answers are checked. */
import { streamSeed } from '../base/seeds.js';
import type { MemoryModel } from '../memory/turn.js';
import type { Policy } from '../policy/types.js';
import type { RolloutGroup } from '../reward/group.js';
import { type OptionShape, type OptionValues, optionsOf, type RewardMethod } from '../reward/method.js';
import { chosenMethod } from '../reward/methods.js';
import { type RewardParts, rewardParts } from '../reward/own-reward.js';
import { type CheckedResult, checkedResult } from '../reward/result.js';
import type { RunConfig } from './config.js';
import { TrainError } from './errors.js';
import type { Run } from './loop.js';
import { type ReinforcementSetup, teacherOf } from './requirements.js';

export class Scoring {
  readonly method: RewardMethod;
  readonly #setup: ReinforcementSetup;
  readonly #own: RewardParts | undefined;
  readonly #options: OptionValues<OptionShape>;
  #prepared: unknown;

  /** @throws RewardError if there is no such method, or its options do not fit. */
  constructor(setup: ReinforcementSetup) {
    this.#own = ownParts(setup);
    this.method = this.#own?.method ?? chosenMethod(setup.method ?? setup.config.method);
    this.#setup = setup;
    this.#options = optionsOf(this.method, setup.config.reward);
  }

  /** Makes what the method needs, with the policy as the run starts from it. */
  async prepare(run: Run<RunConfig>): Promise<void> {
    const { config, policy, train } = run;
    const { groupSize, topP, seed, memory } = config;
    const { openCopy = noCopy, note = () => undefined } = this.#setup;
    this.#prepared = await this.method.prepare?.({
      ...this.#common(run),
      policy,
      openCopy,
      train,
      topP,
      groupSize,
      empty: memory.empty,
      seed,
      note,
    });
  }

  /** The settings of the run, with the method and the reward that it really has. */
  get config(): RunConfig {
    const { config } = this.#setup;
    const own = this.#own && { module: this.#own.place };
    return { ...config, method: this.method.name, reward: { ...config.reward, ...own } };
  }

  /**
   * The groups with the outcomes of a reward of one's own, if there is one.
   * @throws RewardError `module` naming file, rollout and reason.
   */
  async withOutcomes(groups: readonly RolloutGroup[], run: Run<RunConfig>, step: number): Promise<RolloutGroup[]> {
    const outcomes = await this.#own?.outcomes?.(groups, {
      policy: run.policy,
      frames: run.frames,
      seed: streamSeed(run.config.seed, 'outcome', step),
      signal: run.signal,
      seconds: secondsOf(run.config),
    });
    if (!outcomes) return [...groups];
    return groups.map((group, g) => ({ ...group, outcomes: outcomes[g], metricScores: group.outcomes }));
  }

  /** Memories are scored with the weights that sampled them. */
  get scoresWithOwnWeights(): boolean {
    return this.method.requires.score === true && this.#setup.config.teacher === 'self';
  }

  /**
   * `sampledBy`: the snapshot that drew the rollouts, where it was not the live weights.
   * @throws RewardError `shape` if the method's answer is not one finite number for each memory turn.
   */
  async score(
    groups: readonly RolloutGroup[],
    run: Run<RunConfig>,
    step: number,
    sampledBy?: string,
  ): Promise<CheckedResult> {
    const teacher = teacherOf(this.#setup);
    const result = await this.method.turnScores(groups, {
      ...this.#common(run),
      policy: run.policy,
      prepared: this.#prepared,
      teacher: this.scoresWithOwnWeights && sampledBy !== undefined ? { ...teacher, weights: sampledBy } : teacher,
      judge: this.#setup.judge,
      seed: streamSeed(run.config.seed, 'method', step),
    });
    return checkedResult(this.method.name, groups, result);
  }

  /** The teacher as a sampler, for `objective: distillation`. */
  teacher(): MemoryModel {
    const { policy, weights } = teacherOf(this.#setup);
    return samplerOf(policy, weights);
  }

  #common({ config, frames, signal }: Run<RunConfig>) {
    return { frames, options: this.#options, budgets: config.memory, temperature: config.temperature, signal };
  }
}

/** Limit of a call of a user's function, in seconds. */
const CALL_SECONDS = 60;

const secondsOf = ({ reward }: RunConfig) => reward.moduleSeconds ?? CALL_SECONDS;

/** @throws TrainError `config` if a method is given too, or if the run scores with a reward that is not given. */
function ownParts({ config, method, reward }: ReinforcementSetup): RewardParts | undefined {
  const { module } = config.reward;
  if (reward === undefined) {
    if (module === undefined) return undefined;
    throw new TrainError(
      'config',
      `The run takes its rewards from ${module} (reward.module), which is code and must be given again: pass it as reward.`,
    );
  }
  const parts = rewardParts(reward, secondsOf(config));
  if (parts.method === undefined || method === undefined) return parts;
  throw new TrainError(
    'config',
    `${parts.place} scores memory turns itself, and a method is given too. Leave one of the two out.`,
  );
}

/** A policy as the agent samples from it, with the live weights or those of a snapshot. */
export function samplerOf(policy: Policy, weights: string | undefined): MemoryModel {
  const { tokenizer, chat, contextLength } = policy;
  return {
    tokenizer,
    chat,
    contextLength,
    sample: (requests, options) => policy.sample(requests, { ...options, weights }),
  };
}

function noCopy(): never {
  throw new TrainError('config', 'The method opens a second copy of the model, but the setup gives no openCopy.');
}
