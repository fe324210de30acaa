/**
 * What a step learns from: rollouts with a reward and an advantage for every turn, drawn for the current step or one
 * step ahead.
 */

import { streamSeed } from '../base/seeds.js';
import { exampleAt } from '../data/examples.js';
import { filteredChunks } from '../eval/evaluate.js';
import { runAgent } from '../memory/agent.js';
import { parallelOf } from '../memory/settings.js';
import type { MemoryModel } from '../memory/turn.js';
import type { TrainablePolicy } from '../policy/types.js';
import type { RolloutGroup } from '../reward/group.js';
import { extractionOf, foundAnswer, outcomeReward } from '../reward/outcome.js';
import type { RunConfig } from './config.js';
import { areEqual, type Collected, collectUseful, hasGradient } from './dynamic-sampling.js';
import type { Run } from './loop.js';
import { PhaseClock } from './metrics.js';
import { withWholeChunks } from './objective.js';
import { earned } from './rewarded.js';
import { type Scoring, samplerOf } from './scoring.js';
import type { RewardedGroup } from './step-metrics.js';

/** Names of the weights that rollouts ahead come from, to sample with and to score with. */
const AHEAD = 'rollouts';
const AHEAD_TEACHER = 'rollouts-teacher';

export interface Draw {
  collected: Collected<RewardedGroup>;
  /** All groups, the dropped ones too. */
  drawn: RewardedGroup[];
  /** Place in the order of the data after it. */
  position: number;
  clock: PhaseClock;
}

/** Snapshots to use instead of the live weights. */
interface DrawWeights {
  sample: string;
  score?: string;
}

/** Draws groups until enough of them have a gradient, or the rounds are over. */
async function draw(
  scoring: Scoring,
  run: Run<RunConfig>,
  step: number,
  start: number,
  weights?: DrawWeights,
): Promise<Draw> {
  const { config, policy } = run;
  const sampler = samplerOf(policy, weights?.sample);
  const clock = new PhaseClock();
  const drawn: RewardedGroup[] = [];
  let position = start;
  const more = async (count: number) => {
    const groups = await rewardGroups(
      { scoring, run, sampler, step, clock, sampledBy: weights?.score },
      position,
      count,
    );
    position += count;
    drawn.push(...groups);
    return groups;
  };
  const byOutcome = config.dynamicSampling.criterion === 'outcome';
  const useful = (group: RewardedGroup) => hasGradient(group) && !(byOutcome && areEqual(group.group.outcomes));
  const collected = await collectUseful(more, useful, {
    wanted: config.questionsPerStep,
    maxRounds: config.dynamicSampling.maxRounds,
    keepAll: !config.dynamicSampling.enabled,
  });
  return { collected, drawn, position, clock };
}

/**
 * The rollouts of one step after another. With `asyncRollouts` those of the next step are drawn while this one trains,
 * so their weights lack this step's updates; `take` says how many updates a draw is behind.
 */
export class Rollouts {
  readonly #scoring: Scoring;
  readonly #ending = new AbortController();
  #ahead: { step: number; begun: number; draw: Promise<Draw> } | undefined;
  /** Updates of the weights so far in this session. */
  updates = 0;

  constructor(scoring: Scoring) {
    this.#scoring = scoring;
  }

  /** @returns the draw, and as `staleness` the updates that have been made since it began */
  async take(run: Run<RunConfig>, step: number): Promise<Draw & { staleness: number }> {
    const ahead = this.#ahead?.step === step ? this.#ahead : undefined;
    this.#ahead = undefined;
    const taken = await (ahead?.draw ?? draw(this.#scoring, run, step, run.state.position));
    const staleness = ahead ? this.updates - ahead.begun : 0;
    if (run.config.asyncRollouts && step < run.config.steps) {
      const weights = await this.#keepWeights(run.policy);
      const signal = run.signal ? AbortSignal.any([run.signal, this.#ending.signal]) : this.#ending.signal;
      const next = draw(this.#scoring, { ...run, signal }, step + 1, taken.position, weights);
      // If it fails, `take` throws when it awaits this draw.
      next.catch(() => undefined);
      this.#ahead = { step: step + 1, begun: this.updates, draw: next };
    }
    return { ...taken, staleness };
  }

  /** Keeps the weights that the next draw samples with, and scores with if they are their own teacher. */
  async #keepWeights(policy: TrainablePolicy): Promise<DrawWeights> {
    await policy.snapshot(AHEAD, 'sample');
    if (!this.#scoring.scoresWithOwnWeights) return { sample: AHEAD };
    await policy.snapshot(AHEAD_TEACHER, 'score');
    return { sample: AHEAD, score: AHEAD_TEACHER };
  }

  /** Aborts the draw for a step that will not be taken. */
  close(): void {
    this.#ending.abort(new Error('The run has ended.'));
  }
}

interface DrawParts {
  scoring: Scoring;
  run: Run<RunConfig>;
  sampler: MemoryModel;
  step: number;
  clock: PhaseClock;
  /** Snapshot to score with. */
  sampledBy?: string;
}

/** Rollouts of the next `count` questions, with the rewards and advantages of each turn. */
async function rewardGroups(
  { scoring, run, sampler, step, clock, sampledBy }: DrawParts,
  position: number,
  count: number,
): Promise<RewardedGroup[]> {
  const { config, frames, train: source, signal, onProgress } = run;
  const { memory, reward, temperature, topP } = config;
  const positions = Array.from({ length: count }, (_, at) => position + at);
  const { objective } = config;
  const distils = objective === 'distillation';
  const examples = await Promise.all(positions.map((at) => exampleAt(source, config.seed, at)));
  const tasks = examples.map((example, at) => {
    const { id, question } = example;
    const chunks = distils ? filteredChunks(example, frames, memory) : example.chunks;
    return { id, question, chunks, samples: config.groupSize, seed: streamSeed(config.seed, step, positions[at]) };
  });
  const written = await clock.time('rollout', () =>
    runAgent(distils ? scoring.teacher() : sampler, tasks, {
      frames,
      budgets: memory,
      empty: memory.empty,
      parallel: parallelOf(memory),
      temperature,
      topP,
      signal,
      seed: config.seed,
      onProgress: (progress) => onProgress?.({ ...progress, phase: 'rollout', step }),
    }),
  );
  const rollouts = distils
    ? written.map((group, at) => group.map((rollout) => withWholeChunks(rollout, examples[at], frames)))
    : written;
  const scored = examples.map((example, at): RolloutGroup => {
    const { chunks, idealMemories: _, ...asked } = example;
    const extraction = extractionOf(frames.format, reward.outcome.extraction);
    const outcomes = rollouts[at].map(({ output }) => outcomeReward(output, asked, { ...reward.outcome, extraction }));
    const found = rollouts[at].map(({ output }) => foundAnswer(output, extraction));
    return { ...asked, chunks, trajectories: rollouts[at], outcomes, found };
  });

  const groups = await clock.time('reward', () => scoring.withOutcomes(scored, run, step));
  const result = await clock.time('reward', () => scoring.score(groups, run, step, sampledBy));
  return groups.map((group, g): RewardedGroup => {
    const { chunks } = tasks[g];
    const teacher = result.teacherLogProbabilities?.[g];
    const method = g === 0 ? result : undefined;
    return { group, chunks, teacher, method, ...earned(group, result, g, config) };
  });
}
