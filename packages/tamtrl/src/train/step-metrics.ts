/** Puts together what a reinforcement step reports. */
import { answerIn } from '../memory/extract.js';
import type { PromptFrames } from '../memory/frames.js';
import { meanOf, trajectoryStatistics } from '../memory/statistics.js';
import type { Trajectory } from '../memory/trajectory.js';
import type { ForwardBackwardResult, OptimStepResult } from '../policy/types.js';
import type { RolloutGroup } from '../reward/group.js';
import { scoreAnswer } from '../reward/outcome.js';
import type { CheckedResult } from '../reward/result.js';
import type { AgentChunk } from '../text/chunks.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { copyRates } from './copies.js';
import type { Collected } from './dynamic-sampling.js';
import type { StepMetrics, WrittenTrajectory } from './metrics.js';
import type { Row } from './rows.js';

/** A group with what each turn of each rollout earned: [G][turns], the answer turn last. */
export interface RewardedGroup {
  group: RolloutGroup;
  /** What its rollouts read. */
  chunks: readonly AgentChunk[];
  /** Log-probabilities of the tokens of the memory turns under the teacher, if the method has one. [G][T_i][tokens] */
  teacher?: readonly (readonly (readonly number[])[])[];
  /** Of memory turns, as they entered the rewards. */
  scores?: readonly (readonly number[])[];
  rewards: number[][];
  /** Of tokens that have advantages of their own, the mean. */
  advantages: number[][];
  /** [G][turns][tokens] */
  tokenAdvantages?: number[][][];
  /** With the first group of a draw: what scoring all of the draw took. */
  method?: CheckedResult;
}

export interface StepParts {
  step: number;
  learningRate: number;
  collected: Collected<RewardedGroup>;
  /** All groups, the dropped ones too. */
  drawn: readonly RewardedGroup[];
  rows: readonly Row[];
  frames: Pick<PromptFrames, 'update' | 'format'>;
  updates: readonly { batch: readonly Row[]; scored?: number; result: ForwardBackwardResult; optim: OptimStepResult }[];
  /** Passes over the rows for log-probabilities. */
  scorings: number;
  staleness: number;
  seconds: StepMetrics['seconds'];
}

export function stepMetrics(parts: StepParts): StepMetrics {
  const { step, learningRate, collected, drawn, rows, updates, staleness, seconds } = parts;
  const trajectories = drawn.flatMap(({ group }) => [...group.trajectories]);
  const { tokens, ...statistics } = trajectoryStatistics(trajectories);
  const scores = drawn.flatMap((group) => (group.scores ?? []).flat());
  const methods = drawn.flatMap(({ method }) => (method ? [method] : []));
  const rowTokens = rows.reduce((sum, row) => sum + row.promptIds.length + row.completionIds.length, 0);
  const answers = drawn.flatMap(({ group }) => group.trajectories.map(({ output }) => ({ output, group })));
  return {
    kind: 'step',
    step,
    learning_rate: learningRate,
    reward: meanOf(
      drawn.flatMap(({ group }) => [...group.outcomes]),
      (outcome) => outcome,
    ),
    turn_reward: meanOf(
      drawn.flatMap(({ rewards }) => rewards.flatMap((turns) => turns.slice(0, -1))),
      (reward) => reward,
    ),
    turn_reward_by_turn: meansByTurn(drawn.flatMap(({ rewards }) => rewards.map((turns) => turns.slice(0, -1)))),
    ...(drawn.some((group) => group.scores) ? { turn_score: meanOf(scores, (score) => score) } : {}),
    exact_match: meanOf(answers, ({ output, group }) =>
      scoreAnswer(answerIn(output, parts.frames.format), group, { metric: 'exact_match' }),
    ),
    ...statistics,
    ...copyRates(trajectories, parts.frames),
    ...updateMetrics(updates),
    groups: collected.kept.length,
    dropped_groups: collected.dropped,
    identical_groups: drawn.filter(({ group }) => areEqual(group.trajectories)).length,
    questions: collected.drawn,
    rows: rows.length,
    ...importanceMetric(rows),
    zero_advantage_rate: meanOf(rows, (row) => Number((row.advantages ?? [row.advantage]).every((each) => each === 0))),
    staleness,
    tokens: {
      ...tokens,
      scored:
        methods.reduce((sum, method) => sum + method.tokens, 0) +
        updates.reduce((sum, { scored = 0 }) => sum + scored, 0) +
        parts.scorings * rowTokens,
      trained: updates.reduce((sum, { result }) => sum + result.metrics.totalTokens, 0),
    },
    seconds,
    method: meanOfRecords(methods.map(({ metrics }) => metrics)),
  };
}

function importanceMetric(rows: readonly Row[]): Pick<StepMetrics, 'importance_weight'> {
  const weights = rows.flatMap(({ importance = [] }) => importance);
  return weights.length === 0 ? {} : { importance_weight: meanOf(weights, (weight) => weight) };
}

/** @param rollouts a number for each memory turn, of rollouts that may differ in how many they have */
function meansByTurn(rollouts: readonly (readonly number[])[]): number[] {
  const longest = rollouts.reduce((most, { length }) => Math.max(most, length), 0);
  return Array.from({ length: longest }, (_, turn) =>
    meanOf(
      rollouts.filter(({ length }) => length > turn),
      (own) => own[turn],
    ),
  );
}

/** Several rollouts, token for token the same. */
function areEqual(trajectories: readonly Trajectory[]): boolean {
  const [first, ...others] = trajectories.map(({ turns }) => turns.map(({ outputIds }) => outputIds.join()).join(';'));
  return others.length > 0 && others.every((other) => other === first);
}

/** Means over tokens, or over updates where a number belongs to an update; zeros if there was none. */
function updateMetrics(updates: StepParts['updates']) {
  const tokens = updates.reduce((sum, { result }) => sum + result.metrics.tokens, 0);
  const perToken = (of: (metrics: ForwardBackwardResult['metrics']) => number) =>
    tokens === 0
      ? 0
      : updates.reduce((sum, { result }) => sum + of(result.metrics) * result.metrics.tokens, 0) / tokens;
  return {
    loss: meanOf(updates, ({ result }) => result.loss),
    entropy: perToken(({ entropy }) => entropy),
    clip_fraction: perToken(({ clipFraction }) => clipFraction),
    ratio_mean: perToken(({ ratioMean }) => ratioMean),
    ratio_max: updates.reduce((most, { result }) => Math.max(most, result.metrics.ratioMax), 0),
    kl: perToken(({ kl }) => kl),
    approximate_kl: perToken(({ approximateKl }) => approximateKl),
    gradient_norm: meanOf(updates, ({ optim }) => optim.gradientNorm),
    updates: updates.length,
    skipped_updates: updates.filter(({ optim }) => optim.skipped).length,
    sampler_trainer_difference: samplerDifference(updates[0]),
  };
}

/** Only the first update sees the weights that sampled. */
function samplerDifference(first: StepParts['updates'][number] | undefined): number {
  if (!first) return 0;
  const all = first.batch.flatMap((row, index) =>
    row.sampledLogProbabilities.map((sampled, token) =>
      Math.abs(sampled - first.result.logProbabilities[index][token]),
    ),
  );
  // Of a stop token that the server leaves out, its sampler says nothing.
  const differences = all.filter((difference) => !Number.isNaN(difference));
  return meanOf(differences, (difference) => difference);
}

function meanOfRecords(records: readonly Record<string, number>[]): Record<string, number> {
  const names = new Set(records.flatMap((record) => Object.keys(record)));
  return Object.fromEntries([...names].map((name) => [name, meanOf(records, (record) => record[name] ?? 0)]));
}

/** The first rollouts of the first groups, decoded. */
export function writtenTrajectories(
  step: number,
  drawn: readonly RewardedGroup[],
  count: number,
  tokenizer: Tokenizer,
): WrittenTrajectory[] {
  return drawn.slice(0, count).map(({ group, scores, rewards, advantages }): WrittenTrajectory => {
    const trajectory = group.trajectories[0];
    return {
      step,
      questionId: group.id,
      sample: trajectory.sample,
      question: group.question,
      answers: group.answers,
      outcome: group.outcomes[0],
      output: trajectory.output,
      turns: trajectory.turns.map((turn, index) => ({
        kind: turn.kind,
        text: tokenizer.decode(turn.outputIds),
        tokens: turn.outputTokens,
        stopReason: turn.stopReason,
        reward: rewards[0][index],
        score: scores?.[0][index],
        advantage: advantages[0][index],
        chunk: turn.chunk && { start: turn.chunk.start, end: turn.chunk.end },
      })),
    };
  });
}
