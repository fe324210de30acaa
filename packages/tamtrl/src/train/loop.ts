/**
 * What every kind of training has in common: evaluation, steps, checkpoints, early stop, resuming. What a step does comes from
 * outside (trainer.ts, sft.ts).
 */
import type { Progress } from '../base/progress.js';
import type { ExampleSource } from '../data/examples.js';
import { evaluate } from '../eval/evaluate.js';
import { PromptFrames } from '../memory/frames.js';
import { promptFormatNamed } from '../memory/prompts.js';
import type { TrainablePolicy } from '../policy/types.js';
import {
  hasCheckpoint,
  loadCheckpoint,
  newRunState,
  type RunState,
  saveCheckpoint,
  saveModel,
  saveRunState,
} from './checkpoint.js';
import type { CommonConfig } from './config.js';
import { TrainError } from './errors.js';
import {
  type EvaluationMetrics,
  type Phase,
  RunFolder,
  type SftMetrics,
  type StepMetrics,
  type WrittenTrajectory,
} from './metrics.js';

export type ProgressListener = (progress: Progress & { phase: Phase; step: number }) => void;

/** What a run is made of. */
export interface TrainingSetup<Config extends CommonConfig> {
  config: Config;
  policy: TrainablePolicy;
  train: ExampleSource;
  heldOut: ExampleSource;
  /** The run's folder; made if need be. */
  folder: string;
  /** Go on from the checkpoint in the folder. */
  resume?: boolean;
  /** Stops the run after saving; the step in hand is lost unless it is already updating the weights. */
  signal?: AbortSignal;
  /** Within long calls. */
  onProgress?: ProgressListener;
}

export type TrainingEvent =
  | { type: 'started'; step: number; resumed: boolean; folder: string }
  | { type: 'evaluation'; metrics: EvaluationMetrics }
  | { type: 'step'; metrics: StepMetrics | SftMetrics; trajectories: WrittenTrajectory[] }
  | { type: 'saved'; step: number; what: 'last' | 'best' | 'final'; folder: string };

export interface TrainingSummary {
  reason: 'steps' | 'stopped' | 'patience' | 'target';
  state: RunState;
  /** Folder of the best model by held-out exact match; the final one if none was better than the start. */
  model: string;
  seconds: number;
}

/** What a step gives back; the run's state is changed only once it has succeeded. */
export interface StepResult {
  metrics: StepMetrics | SftMetrics;
  position: number;
  trajectories: WrittenTrajectory[];
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
 * Runs a training to its end and tells what happens. Stopping early (`return()` on the generator) is safe: what was saved stays.
 * @throws TrainError, MemoryError, RewardError before anything is done, if the parts do not fit.
 */
export async function* runTraining<Config extends CommonConfig>(
  setup: TrainingSetup<Config>,
  trainer: Trainer<Config>,
): AsyncGenerator<TrainingEvent, TrainingSummary> {
  const { config, policy, signal } = setup;
  const started = performance.now();
  const frames = new PromptFrames(policy, promptFormatNamed(config.memory.prompts));
  frames.checkWindow(config.memory, policy.contextLength);
  for (const [name, source] of [
    ['training', setup.train],
    ['held-out', setup.heldOut],
  ] as const) {
    if (!(source.size > 0)) throw new TrainError('no-data', `The ${name} set is empty: there is no question in it.`);
  }
  const folder = new RunFolder(setup.folder);
  const run: Run<Config> = { ...setup, frames, state: newRunState(trainer.kind) };
  const snapshots = await trainer.prepare(run);
  if (setup.resume) {
    run.state = await loadCheckpoint(folder.checkpoints, policy, config);
    if (run.state.kind !== trainer.kind) {
      throw new TrainError(
        'checkpoint',
        `The run in ${setup.folder} is ${run.state.kind} training, not ${trainer.kind}.`,
      );
    }
    await folder.resume(run.state.step, run.state.evaluatedStep);
  } else {
    await refuseUsedFolder(folder);
    await folder.start(config);
    for (const name of snapshots) await policy.snapshot(name);
    run.state.snapshots = snapshots;
    await saveCheckpoint(folder.checkpoints, policy, run.state, config);
  }
  const { state } = run;
  const secondsBefore = state.seconds;
  let savedStep = state.step;
  const save = async () => {
    state.seconds = secondsBefore + (performance.now() - started) / 1000;
    savedStep = state.step;
    return saveCheckpoint(folder.checkpoints, policy, state, config);
  };
  yield { type: 'started', step: state.step, resumed: setup.resume === true, folder: setup.folder };

  let reason: TrainingSummary['reason'] | undefined;
  try {
    while (reason === undefined) {
      if (state.evaluatedStep < state.step && evaluationDue(state.step, config)) {
        const metrics = await evaluateRun(run);
        const better = noteEvaluation(state, metrics, config);
        if (better && state.step > 0)
          yield {
            type: 'saved',
            step: state.step,
            what: 'best',
            folder: await saveModel(folder.checkpoints, 'best', policy),
          };
        await folder.append(metrics);
        // The weights of this step may not have been saved; then the state waits for them.
        if (savedStep === state.step) await saveRunState(folder.checkpoints, state, config);
        yield { type: 'evaluation', metrics };
      }
      reason = endReason(state, config);
      if (reason !== undefined) break;
      signal?.throwIfAborted();
      const { metrics, position, trajectories } = await trainer.step(run, state.step + 1);
      state.step++;
      state.position = position;
      for (const phase of ['prompt', 'sampled', 'scored', 'trained'] as const)
        state.tokens[phase] += metrics.tokens[phase];
      await folder.append(metrics);
      await folder.appendTrajectories(trajectories);
      if (state.step % config.checkpointEvery === 0) {
        yield { type: 'saved', step: state.step, what: 'last', folder: await save() };
      }
      yield { type: 'step', metrics, trajectories };
    }
  } catch (error) {
    // A step that is broken off has not touched the weights, so they are those of the last whole step.
    if (!isAbort(error, signal)) throw error;
    reason = 'stopped';
  }
  if (savedStep !== state.step) yield { type: 'saved', step: state.step, what: 'last', folder: await save() };
  const final = await saveModel(folder.checkpoints, 'final', policy);
  yield { type: 'saved', step: state.step, what: 'final', folder: final };
  const improved = state.best !== undefined && state.best.step > 0;
  const model = improved ? `${folder.checkpoints}/best` : final;
  const seconds = secondsBefore + (performance.now() - started) / 1000;
  return { reason: reason ?? 'steps', state, model, seconds };
}

/** A new run would overwrite what another one has learned. */
async function refuseUsedFolder({ path, checkpoints }: RunFolder): Promise<void> {
  if (!(await hasCheckpoint(checkpoints))) return;
  throw new TrainError('checkpoint', `${path} already holds a run. Resume it, or give the new run another folder.`);
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
    questions,
    temperature,
    topP,
    samples,
    batch,
    signal,
    seed: config.seed,
    onProgress: (progress: Progress) => onProgress?.({ ...progress, phase: 'evaluate', step: state.step }),
  };
  const result = await evaluate(policy, heldOut, options);
  const metrics: EvaluationMetrics = { kind: 'evaluation', step: state.step, ...result };
  if (config.evaluation.teacher && heldOut.relevance) {
    metrics.teacher_exact_match = (await evaluate(policy, heldOut, { ...options, filtered: true })).exact_match;
  }
  return metrics;
}

/** True if this is the best model so far. */
function noteEvaluation(
  state: RunState,
  { step, exact_match }: EvaluationMetrics,
  { evaluation }: CommonConfig,
): boolean {
  state.evaluatedStep = step;
  state.latest = exact_match;
  if (step === 0) state.before = exact_match;
  const better = state.best === undefined || exact_match > state.best.exact_match + evaluation.minimumGain;
  if (better) state.best = { step, exact_match };
  state.evaluationsWithoutGain = better ? 0 : state.evaluationsWithoutGain + 1;
  return better;
}

function endReason(state: RunState, { steps, evaluation }: CommonConfig): TrainingSummary['reason'] | undefined {
  const { patience, stopAt } = evaluation;
  if (state.step >= steps) return 'steps';
  const fresh = state.evaluatedStep === state.step && state.step > 0;
  if (fresh && stopAt !== undefined && (state.latest ?? 0) >= stopAt) return 'target';
  if (fresh && patience > 0 && state.evaluationsWithoutGain >= patience) return 'patience';
  return undefined;
}

function isAbort(error: unknown, signal: AbortSignal | undefined): boolean {
  if (!signal?.aborted) return false;
  return error === signal.reason || (error instanceof Error && 'kind' in error && error.kind === 'aborted');
}
