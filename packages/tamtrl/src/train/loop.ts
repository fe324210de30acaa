/**
 * What every kind of training has in common: evaluation, steps, checkpoints, early stop, resuming. What a step does
 * comes from outside (reinforce.ts, sft.ts).
 */
import { isAbort } from '../base/errors.js';
import type { Progress } from '../base/progress.js';
import type { ExampleSource } from '../data/examples.js';
import { evaluate } from '../eval/evaluate.js';
import { PromptFrames } from '../memory/frames.js';
import { promptFormatNamed } from '../memory/prompts.js';
import { parallelOf } from '../memory/settings.js';
import type { TrainablePolicy } from '../policy/types.js';
import { RewardError } from '../reward/errors.js';
import type { CommonConfig, RunConfig } from './config.js';
import { TrainError } from './errors.js';
import type { KeptGroup } from './kept-groups.js';
import type { EvaluationMetrics, Phase, SftMetrics, StepMetrics, WrittenTrajectory } from './metrics.js';
import { type CheckpointName, newRunState, type RunState, type RunStore, requireSameRun } from './store.js';
import type { FirstStep } from './watchdog.js';

/** Progress of a long call within a run. It counts questions in evaluations, and rows otherwise. */
export interface RunProgress extends Progress {
  phase: Phase;
  /** The step that the call belongs to; of an evaluation the steps before it. */
  step: number;
}

/** The parts of a run. */
export interface TrainingSetup<Config extends CommonConfig> {
  config: Config;
  policy: TrainablePolicy;
  train: ExampleSource;
  heldOut: ExampleSource;
  /** Keeps the run: `new RunFolder(path)`, or a store of your own. */
  store: RunStore;
  /** Continue from the checkpoint in the store. */
  resume?: boolean;
  /** Stops the run after saving; the current step is lost unless it is already updating the weights. */
  signal?: AbortSignal;
  /** Called repeatedly within long calls. */
  onProgress?: (progress: RunProgress) => void;
}

export type TrainingEvent =
  | { type: 'started'; step: number; resumed: boolean; folder: string }
  | { type: 'evaluation'; metrics: EvaluationMetrics }
  | { type: 'step'; metrics: StepMetrics | SftMetrics; trajectories: WrittenTrajectory[] }
  /** Something that the run's numbers show and that its owner should know; it goes on. */
  | { type: 'warning'; text: string }
  | { type: 'saved'; step: number; what: CheckpointName; folder: string }
  | { type: 'finished'; summary: TrainingSummary };

export interface TrainingSummary {
  /**
   * All steps were done, it was stopped from outside, it no longer got better, it reached its target, or its numbers
   * showed that it goes wrong.
   */
  reason: 'steps' | 'stopped' | 'patience' | 'target' | 'watchdog';
  state: RunState;
  /** Folder of the best model by the held-out outcome; the final one if none was better than the start. */
  model: string;
  seconds: number;
}

/** The result of a step; the run's state is changed only once it has succeeded. */
export interface StepResult {
  metrics: StepMetrics | SftMetrics;
  position: number;
  trajectories: WrittenTrajectory[];
  /** Groups to keep, and how large their file may be by now. */
  kept?: { groups: KeptGroup[]; bytes: number };
  warnings?: string[];
  /** What the run's state keeps of its first step. */
  first?: FirstStep;
  /** The run ends after this step, because of its warnings. */
  halt?: boolean;
}

/** One way of training. */
export interface Trainer<Config extends CommonConfig> {
  kind: RunState['kind'];
  /** Checks and snapshots before the first step of a new run; returns the snapshots' names. */
  prepare(run: Run<Config>): Promise<string[]>;
  step(run: Run<Config>, step: number): Promise<StepResult>;
}

export interface Run<Config extends CommonConfig> extends TrainingSetup<Config> {
  frames: PromptFrames;
  state: RunState;
}

/**
 * Runs a training to its end and yields what happens. Stopping early (`return()` on the generator) is safe: what was
 * saved stays.
 * @throws TrainError, MemoryError, RewardError before anything is done, if the parts do not fit.
 */
export async function* runTraining<Config extends CommonConfig>(
  setup: TrainingSetup<Config>,
  trainer: Trainer<Config>,
): AsyncGenerator<TrainingEvent, TrainingSummary> {
  const { store } = setup;
  const run: Run<Config> = { ...setup, frames: framesOf(setup), state: newRunState(trainer.kind) };
  const snapshots = await trainer.prepare(run);
  if (!setup.resume) await store.requireUnused();
  const unlock = await store.lock?.();
  try {
    return yield* runLocked(run, trainer, snapshots);
  } finally {
    await unlock?.();
  }
}

async function* runLocked<Config extends CommonConfig>(
  run: Run<Config>,
  trainer: Trainer<Config>,
  snapshots: string[],
): AsyncGenerator<TrainingEvent, TrainingSummary> {
  const { config, policy, store, signal } = run;
  const started = performance.now();
  await begin(run, trainer.kind, snapshots);
  const { state } = run;
  const secondsBefore = state.seconds;
  let savedStep = state.step;
  const save = async () => {
    state.seconds = secondsBefore + (performance.now() - started) / 1000;
    savedStep = state.step;
    return store.saveCheckpoint(policy, state, config);
  };
  yield { type: 'started', step: state.step, resumed: run.resume === true, folder: store.path };

  let reason: TrainingSummary['reason'] | undefined;
  try {
    while (reason === undefined) {
      if (state.evaluatedStep < state.step && evaluationDue(state.step, config)) {
        const metrics = await evaluateRun(run);
        const better = noteEvaluation(state, metrics, config);
        if (better && state.step > 0)
          yield { type: 'saved', step: state.step, what: 'best', folder: await store.saveModel('best', policy) };
        await store.append(metrics);
        // The weights of this step may not have been saved; then the state waits for them.
        if (savedStep === state.step) await store.saveRunState(state, config);
        yield { type: 'evaluation', metrics };
      }
      reason = endReason(state, config);
      if (reason !== undefined) break;
      signal?.throwIfAborted();
      const done = await trainer.step(run, state.step + 1);
      const { metrics, position, trajectories, kept, warnings = [], first, halt } = done;
      state.step++;
      state.position = position;
      if (first) state.first ??= first;
      for (const phase of ['prompt', 'sampled', 'scored', 'trained'] as const)
        state.tokens[phase] += metrics.tokens[phase];
      await store.append(metrics);
      await store.appendTrajectories(trajectories);
      if (kept && kept.groups.length > 0) await store.appendGroups?.(kept.groups, kept.bytes);
      if (state.step % config.checkpointEvery === 0) {
        yield { type: 'saved', step: state.step, what: 'last', folder: await save() };
      }
      yield { type: 'step', metrics, trajectories };
      for (const text of warnings) yield { type: 'warning', text };
      if (halt) reason = 'watchdog';
    }
  } catch (error) {
    // An aborted step has not touched the weights, so they are those of the last whole step. Nor has one whose rewards
    // could not be computed: what was trained before it is kept.
    if (RewardError.isInstance(error) && savedStep !== state.step) await save();
    if (!isAbort(error, signal)) throw error;
    reason = 'stopped';
  }
  if (savedStep !== state.step) yield { type: 'saved', step: state.step, what: 'last', folder: await save() };
  const final = await store.saveModel('final', policy);
  yield { type: 'saved', step: state.step, what: 'final', folder: final };
  const improved = state.best !== undefined && state.best.step > 0;
  const model = improved ? store.checkpoint('best') : final;
  const seconds = secondsBefore + (performance.now() - started) / 1000;
  const summary: TrainingSummary = { reason: reason ?? 'steps', state, model, seconds };
  yield { type: 'finished', summary };
  return summary;
}

/** Frames that fit the window. @throws MemoryError if they do not, TrainError `no-data` for an empty set. */
function framesOf<Config extends CommonConfig>({
  config,
  policy,
  train,
  heldOut,
}: TrainingSetup<Config>): PromptFrames {
  const frames = new PromptFrames(policy, promptFormatNamed(config.memory.prompts));
  frames.checkWindow(config.memory, policy.contextLength);
  for (const [name, source] of Object.entries({ training: train, 'held-out': heldOut })) {
    if (!(source.size > 0)) throw new TrainError('no-data', `The ${name} set is empty: it holds no question.`);
  }
  return frames;
}

/** Takes up the saved run, or saves the new one before its first step. */
async function begin<Config extends CommonConfig>(
  run: Run<Config>,
  kind: RunState['kind'],
  snapshots: string[],
): Promise<void> {
  const { config, policy, store } = run;
  if (run.resume) {
    run.state = await restore(run, kind);
    await store.resume(run.state.step, run.state.evaluatedStep);
    return;
  }
  // Again: another run may have ended there meanwhile.
  await store.requireUnused();
  await store.start(config);
  for (const name of snapshots) await policy.snapshot(name);
  run.state.snapshots = snapshots;
  await store.saveCheckpoint(policy, run.state, config);
}

/** The saved state, with the policy's weights as they were then. */
async function restore<Config extends CommonConfig>(run: Run<Config>, kind: RunState['kind']): Promise<RunState> {
  const { store, policy, config } = run;
  const saved = await store.loadCheckpoint();
  requireSameRun(saved, config, store.path);
  await policy.load(saved.policy);
  if (saved.state.kind === kind) return saved.state;
  throw new TrainError('checkpoint', `The run in ${store.path} is ${saved.state.kind} training, not ${kind}.`);
}

function evaluationDue(step: number, { steps, evaluation }: CommonConfig): boolean {
  return step === 0 || step >= steps || (evaluation.every > 0 && step % evaluation.every === 0);
}

async function evaluateRun<Config extends CommonConfig>(run: Run<Config>): Promise<EvaluationMetrics> {
  const { config, policy, frames, heldOut, state, signal, onProgress } = run;
  const { questions, temperature, topP, samples, batch } = config.evaluation;
  const options = {
    frames,
    budgets: config.memory,
    empty: config.memory.empty,
    parallel: parallelOf(config.memory),
    questions,
    temperature,
    topP,
    samples,
    batch,
    signal,
    seed: config.seed,
    outcome: 'reward' in config ? (config as Pick<RunConfig, 'reward'>).reward.outcome : undefined,
    onProgress: (progress: Progress) => onProgress?.({ ...progress, phase: 'evaluate', step: state.step }),
  };
  const result = await evaluate(policy, heldOut, options);
  const metrics: EvaluationMetrics = { kind: 'evaluation', step: state.step, ...result };
  if (config.evaluation.teacher && heldOut.relevance) {
    const { exact_match, score } = await evaluate(policy, heldOut, { ...options, filtered: true });
    Object.assign(metrics, { teacher_exact_match: exact_match, teacher_score: score });
  }
  return metrics;
}

/** True if this is the best model so far, by the metric of the outcome. */
function noteEvaluation(
  state: RunState,
  { step, metric, score }: EvaluationMetrics,
  { evaluation }: CommonConfig,
): boolean {
  state.evaluatedStep = step;
  state.latest = score;
  if (step === 0) state.before = score;
  // A run that an earlier version began may have its best by another metric.
  const best = state.best?.metric === metric ? state.best.score : undefined;
  const better = best === undefined || score > best + evaluation.minimumGain;
  if (better) state.best = { step, metric, score };
  state.evaluationsWithoutGain = better ? 0 : state.evaluationsWithoutGain + 1;
  return better;
}

/** Why a run ends at its present step; undefined: it continues. */
export function endReason(state: RunState, { steps, evaluation }: CommonConfig): TrainingSummary['reason'] | undefined {
  const { patience, stopAt } = evaluation;
  if (state.step >= steps) return 'steps';
  const fresh = state.evaluatedStep === state.step && state.step > 0;
  if (fresh && stopAt !== undefined && (state.latest ?? 0) >= stopAt) return 'target';
  if (fresh && patience > 0 && state.evaluationsWithoutGain >= patience) return 'patience';
  return undefined;
}
