/**
 * Reinforcement learning of a memory agent (DAPO over conversations, with a reward for every turn). `reinforce` is one step from
 * top to bottom: rollouts with rewards and advantages (rollouts.ts), rows, mini-batches, updates.
 */
import type { ForwardBackwardResult, OptimStepResult } from '../policy/types.js';
import { learningRateAt, type RunConfig } from './config.js';
import { type Run, runTraining, type StepResult, type TrainingEvent, type TrainingSummary } from './loop.js';
import { PhaseClock } from './metrics.js';
import { AVERAGE, checkRun, INITIAL, lossOf, type ReinforcementSetup, recomputes } from './requirements.js';
import { Rollouts } from './rollouts.js';
import { assertCount, expandRows, miniBatches, type Row, trainingRows } from './rows.js';
import { Scoring } from './scoring.js';
import { stepMetrics, writtenTrajectories } from './step-metrics.js';

/**
 * Trains a memory agent with the method that the setup gives, or else the configuration names.
 * @throws RewardError, TrainError, MemoryError before the first step, if method, policy, data and budgets do not fit.
 */
export async function* train(setup: ReinforcementSetup): AsyncGenerator<TrainingEvent, TrainingSummary> {
  const scoring = new Scoring(setup);
  const { method } = scoring;
  const rollouts = new Rollouts(scoring);
  const named = { ...setup, config: { ...setup.config, method: method.name } };
  try {
    return yield* runTraining(named, {
      kind: 'reinforcement',
      prepare: async (run) => {
        const snapshots = await checkRun(setup, run, method);
        await scoring.prepare(run);
        return snapshots;
      },
      step: (run, step) => reinforce(rollouts, run, step),
    });
  } finally {
    rollouts.close();
  }
}

interface Update {
  batch: Row[];
  result: ForwardBackwardResult;
  optim: OptimStepResult;
}

/** One step. Until the first update an abort leaves the weights as they are; from then on the step is finished. */
async function reinforce(rollouts: Rollouts, run: Run<RunConfig>, step: number): Promise<StepResult> {
  const { config, policy, signal } = run;
  const { collected, drawn, position, clock: drawing, staleness } = await rollouts.take(run, step);
  const clock = new PhaseClock();

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
  const { optimizer, aggregation, turnCredit } = config;
  const loss = lossOf(config);
  const update = async (batch: Row[]): Promise<Update> => {
    const input = trainingRows(batch, aggregation, turnCredit);
    const gradient = policy.forwardBackward(input, { loss, temperature });
    const [result, optim] = await Promise.all([gradient, policy.optimStep({ ...optimizer, learningRate })]);
    return { batch, result, optim };
  };
  const batches = Array.from({ length: config.epochs }, (_, epoch) =>
    miniBatches(rows, config.miniBatches, config.seed, step, epoch),
  ).flat();
  const updates = await clock.time('train', () => oneAhead(batches, update));
  rollouts.updates += updates.length;
  const trained = updates.reduce((sum, { result }) => sum + result.logProbabilities.length, 0);
  assertCount(rows.length * config.epochs, trained, 'trained rows');
  if (run.state.snapshots.includes(AVERAGE)) await policy.blendSnapshot(AVERAGE, config.emaDecay);

  const scorings = (references.length > 0 ? 1 : 0) + (old.length > 0 ? 1 : 0);
  const seconds = { ...drawing.seconds, ...clock.seconds };
  return {
    metrics: stepMetrics({ step, learningRate, collected, drawn, rows, updates, scorings, staleness, seconds }),
    position,
    trajectories: writtenTrajectories(step, drawn, config.savedTrajectories, policy.tokenizer),
  };
}

/** Works on all items in their order; the next is begun before the last has ended, so that a server never waits for us. */
async function oneAhead<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let last: Promise<R> | undefined;
  for (const item of items) {
    const next = work(item);
    // If the last one fails, nobody waits for this one any more.
    next.catch(() => undefined);
    if (last) results.push(await last);
    last = next;
  }
  if (last) results.push(await last);
  return results;
}

function asScoreRows(rows: readonly Row[]) {
  return rows.map(({ promptIds, completionIds }) => ({ promptIds, completionIds }));
}
