/**
 * Reinforcement learning of a memory agent: DAPO (arXiv 2503.14476) over conversations, with a reward for every turn.
 * `reinforce` is one step from top to bottom.
 *
 * Of the published algorithm it leaves out:
 * - sampling until the batch is full: groups without a gradient are drawn again `dynamicSampling.maxRounds` times at
 *   most, and the batch stays smaller after that;
 * - masking of rollouts that were cut off, unless `overlong.filter` asks for it.
 *
 * Unlike DAPO, it has a KL term to the initial weights (`klCoefficient`, 0 for none). How turn rewards differ
 * from the TAMTRL paper is said in docs/method.md.
 */
import type { RunConfig } from './config.js';
import { allowance, keptGroups } from './kept-groups.js';
import { learningRateAt } from './learning-rate.js';
import { type Run, runTraining, type StepResult, type TrainingEvent, type TrainingSummary } from './loop.js';
import { PhaseClock } from './metrics.js';
import { imitates } from './objective.js';
import { withoutOverlong } from './overlong.js';
import { AVERAGE, checkRun, type ReinforcementSetup } from './requirements.js';
import { Rollouts } from './rollouts.js';
import { assertCount, expandRows } from './rows.js';
import { Scoring } from './scoring.js';
import { stepMetrics, writtenTrajectories } from './step-metrics.js';
import { addLogProbabilities, updateWeights } from './updates.js';
import { Watchdog } from './watchdog.js';

/**
 * Trains a memory agent with the method that the setup gives, or else the configuration names.
 * @throws RewardError, TrainError, MemoryError before the first step, if method, policy, data and budgets do not fit.
 */
export async function* train(setup: ReinforcementSetup): AsyncGenerator<TrainingEvent, TrainingSummary> {
  const scoring = new Scoring(setup);
  const { method } = scoring;
  const rollouts = new Rollouts(scoring);
  let watchdog: Watchdog | undefined;
  const named = { ...setup, config: scoring.config };
  try {
    return yield* runTraining(named, {
      kind: 'reinforcement',
      prepare: async (run) => {
        const snapshots = await checkRun(setup, run, method);
        await scoring.prepare(run);
        return snapshots;
      },
      step: (run, step) => {
        watchdog ??= new Watchdog(run.config, run.state.first);
        return reinforce({ rollouts, watchdog }, run, step);
      },
    });
  } finally {
    rollouts.close();
  }
}

/** One step. Until the first update an abort leaves the weights as they are; from then on the step is finished. */
async function reinforce(
  { rollouts, watchdog }: { rollouts: Rollouts; watchdog: Watchdog },
  run: Run<RunConfig>,
  step: number,
): Promise<StepResult> {
  const { config, policy, signal } = run;

  // Rollouts of each question, a reward and an advantage for each of their turns. `kept`: groups with a gradient.
  const { collected, drawn, position, clock: drawing, staleness } = await rollouts.take(run, step);
  const clock = new PhaseClock();

  // Advantages were computed while a rollout was one row; from here on, every conversation is a separate row.
  const expanded = collected.kept.flatMap((kept) => expandRows(kept.group.trajectories, kept));
  const turns = collected.kept.flatMap(({ group }) => group.trajectories.flatMap((trajectory) => trajectory.turns));
  assertCount(turns.length, expanded.length, 'rows for the turns of the rollouts');
  // Rows that are not imitated are left out; rows with an advantage of 0 still count for the KL term.
  const learned = imitates(config.objective) ? expanded.filter(({ advantage }) => advantage !== 0) : expanded;
  const rows = withoutOverlong(learned, config.overlong.filter);

  // Log-probabilities of the initial weights for the KL term, and the old ones of the ratio.
  const scorings = await addLogProbabilities(run, rows, clock);
  signal?.throwIfAborted();

  // Clipped policy gradient, then AdamW, for each mini-batch of each epoch.
  const learningRate = learningRateAt(step, config);
  const updates = await clock.time('train', () => updateWeights(run, rows, step, learningRate));
  rollouts.updates += updates.length;
  if (run.state.snapshots.includes(AVERAGE)) await policy.blendSnapshot(AVERAGE, config.emaDecay);

  const seconds = { ...drawing.seconds, ...clock.seconds };
  const metrics = stepMetrics({
    step,
    learningRate,
    collected,
    drawn,
    rows,
    frames: run.frames,
    updates,
    scorings,
    staleness,
    seconds,
  });
  const warnings = watchdog.observe(metrics);
  return {
    metrics,
    warnings,
    first: watchdog.first,
    halt: config.watchdog === 'stop' && warnings.length > 0,
    position,
    trajectories: writtenTrajectories(step, drawn, config.savedTrajectories, policy.tokenizer),
    kept: {
      groups: keptGroups(step, drawn, config.savedGroups.perStep, policy),
      bytes: allowance(step, config),
    },
  };
}
