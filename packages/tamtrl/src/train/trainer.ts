/**
 * Reinforcement learning of a memory agent (DAPO over conversations, with a reward for every turn). `reinforce` is one step from
 * top to bottom: rollouts, rewards, advantages, rows, mini-batches, updates.
 */
import type { ForwardBackwardResult, OptimStepResult } from '@tamtrl/engine';
import { runAgent } from '../memory/agent.js';
import { streamSeed } from '../memory/seeds.js';
import { combineRewards } from '../reward/combine.js';
import type { RolloutGroup } from '../reward/method.js';
import { methodNamed } from '../reward/methods.js';
import { outcomeReward } from '../reward/outcome.js';
import { groupAdvantages } from './advantages.js';
import { learningRateAt, type RunConfig } from './config.js';
import { collectUseful, hasGradient } from './dynamic-sampling.js';
import { exampleAt } from './examples.js';
import { PhaseClock } from './metrics.js';
import { overlongPenalty } from './overlong.js';
import { AVERAGE, contextOf, INITIAL, prepare, type ReinforcementSetup, recomputes } from './reinforcement.js';
import { assertCount, expandRows, miniBatches, type Row, trainingRows } from './rows.js';
import { type Run, runTraining, type StepResult, type TrainingEvent, type TrainingSummary } from './run.js';
import { type RewardedGroup, stepMetrics, writtenTrajectories } from './step-metrics.js';

/**
 * Trains a memory agent with the method that the configuration names.
 * @throws RewardError, TrainError, MemoryError before the first step, if method, policy, data and budgets do not fit.
 */
export function train(setup: ReinforcementSetup): AsyncGenerator<TrainingEvent, TrainingSummary> {
  return runTraining(setup, {
    kind: 'reinforcement',
    prepare: async (run) => prepare(setup, run),
    step: (run, step) => reinforce(setup, run, step),
  });
}

/** One step. Until the first update an abort leaves the weights as they are; from then on the step is finished. */
async function reinforce(setup: ReinforcementSetup, run: Run<RunConfig>, step: number): Promise<StepResult> {
  const { config, policy, signal } = run;
  const clock = new PhaseClock();
  const drawn: RewardedGroup[] = [];
  let position = run.state.position;
  const draw = async (count: number) => {
    const groups = await rewardGroups(setup, run, step, position, count, clock);
    position += count;
    drawn.push(...groups);
    return groups;
  };
  const collected = await collectUseful(draw, ({ advantages }) => hasGradient(advantages), {
    wanted: config.questionsPerStep,
    maxRounds: config.dynamicSampling.maxRounds,
    keepAll: !config.dynamicSampling.enabled,
  });

  const rows = collected.kept.flatMap(({ group, advantages }) => expandRows(group.trajectories, advantages));
  const produced = collected.kept.flatMap(({ group }) => group.trajectories.flatMap(({ turns }) => turns)).length;
  assertCount(produced, rows.length, 'rows for the turns of the rollouts');

  const { temperature } = config;
  const log = async (weights?: string) => {
    const scored = await clock.time('score', () => policy.score(asScoreRows(rows), { temperature, weights, signal }));
    return scored.map(({ logProbabilities }) => logProbabilities);
  };
  const references = config.klCoefficient > 0 ? await log(INITIAL) : [];
  const old = recomputes(run) ? await log() : [];
  rows.forEach((row, index) => {
    row.referenceLogProbabilities = references[index];
    row.oldLogProbabilities = old[index] ?? row.sampledLogProbabilities;
  });
  signal?.throwIfAborted();

  const learningRate = learningRateAt(step, config);
  const { optimizer, clipLow, clipHigh, dualClip, klCoefficient, aggregation, turnCredit } = config;
  const updates: { batch: Row[]; result: ForwardBackwardResult; optim: OptimStepResult }[] = [];
  for (let epoch = 0; epoch < config.epochs; epoch++) {
    for (const batch of miniBatches(rows, config.miniBatches, config.seed, step, epoch)) {
      const loss = { kind: 'policy-gradient', clipLow, clipHigh, dualClip, klCoefficient } as const;
      const input = trainingRows(batch, aggregation, turnCredit);
      const result = await clock.time('train', () => policy.forwardBackward(input, { loss, temperature }));
      const optim = await clock.time('train', () => policy.optimStep({ ...optimizer, learningRate }));
      updates.push({ batch, result, optim });
    }
  }
  const trained = updates.reduce((sum, { result }) => sum + result.logProbabilities.length, 0);
  assertCount(rows.length * config.epochs, trained, 'trained rows');
  if (run.state.snapshots.includes(AVERAGE)) await policy.blendSnapshot(AVERAGE, config.emaDecay);

  const scoredTokens = (references.length > 0 ? 1 : 0) + (old.length > 0 ? 1 : 0);
  return {
    metrics: stepMetrics({ step, learningRate, collected, drawn, rows, updates, scorings: scoredTokens, clock }),
    position,
    trajectories: writtenTrajectories(step, drawn, config.savedTrajectories, policy.tokenizer),
  };
}

/** Rollouts of the next `count` questions, with the rewards and advantages of each turn. */
async function rewardGroups(
  setup: ReinforcementSetup,
  run: Run<RunConfig>,
  step: number,
  position: number,
  count: number,
  clock: PhaseClock,
): Promise<RewardedGroup[]> {
  const { config, policy, frames, train: source, signal, onProgress } = run;
  const { memory, reward, overlong, temperature, topP } = config;
  const positions = Array.from({ length: count }, (_, at) => position + at);
  const examples = await Promise.all(positions.map((at) => exampleAt(source, config.seed, at)));
  const tasks = examples.map(({ id, question, chunks }, at) => {
    return { id, question, chunks, samples: config.groupSize, seed: streamSeed(config.seed, step, positions[at]) };
  });
  const rollouts = await clock.time('rollout', () =>
    runAgent(policy, tasks, {
      ...{ frames, budgets: memory, empty: memory.empty, temperature, topP, signal, seed: config.seed },
      onProgress: (progress) => onProgress?.({ ...progress, phase: 'rollout', step }),
    }),
  );
  const groups = examples.map(({ id, question, answers, filteredChunks, quality }, at): RolloutGroup => {
    const options = { ...reward.outcome, extraction: { boxed: frames.format.boxed } };
    const outcomes = rollouts[at].map(({ output }) => outcomeReward(output, answers, options));
    return { id, question, answers, trajectories: rollouts[at], outcomes, filteredChunks, quality };
  });

  const method = methodNamed(config.method);
  const result = await clock.time('reward', () => method.turnScores(groups, contextOf(setup, run, step)));
  const turns = groups.flatMap(({ trajectories }) => trajectories.map((trajectory) => trajectory.turns.length - 1));
  if (result.scores)
    assertCount(
      turns.reduce((a, b) => a + b, 0),
      result.rows,
      'scored memory turns',
    );

  return groups.map((group, g): RewardedGroup => {
    const scores = result.scores?.[g];
    const rewards = group.trajectories.map((trajectory, i) =>
      combineRewards(group.outcomes[i], trajectory.turns.length - 1, scores?.[i], reward).map((value, t) => {
        const { kind, outputTokens } = trajectory.turns[t];
        const limit = kind === 'memory' ? memory.memoryTokens : memory.answerTokens;
        return value + overlongPenalty(outputTokens, limit, overlong);
      }),
    );
    const advantages = groupAdvantages(rewards, config.advantage);
    return { group, scores, rewards, advantages, method: g === 0 ? result : undefined };
  });
}

function asScoreRows(rows: readonly Row[]) {
  return rows.map(({ promptIds, completionIds }) => ({ promptIds, completionIds }));
}
