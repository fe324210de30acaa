/**
 * Where a run is kept, as the trainer sees it. `RunFolder` of run/folder.ts keeps runs in folders; a program may hand
 * in a store of its own.
 */
import { type Difference, differences } from '../base/objects.js';
import type { Metric } from '../data/metrics.js';
import type { TrainablePolicy } from '../policy/types.js';
import { inPresentForm } from './config.js';
import { TrainError } from './errors.js';
import type { KeptGroup } from './kept-groups.js';
import type { MetricsLine, WrittenTrajectory } from './metrics.js';
import type { FirstStep } from './watchdog.js';

/** Where a run stands. Randomness has no state: every draw is named by the run's seed and the draw's place. */
export interface RunState {
  kind: 'reinforcement' | 'supervised';
  /** Steps done. */
  step: number;
  /** Questions drawn so far: the place in the order of the data. */
  position: number;
  /** The last step that was evaluated; -1: none. */
  evaluatedStep: number;
  /** Mean outcome (`score` of an evaluation) before training. */
  before?: number;
  /** Mean outcome at the last evaluation. */
  latest?: number;
  /** `metric`: that of the outcome. */
  best?: { step: number; metric: Metric; score: number };
  evaluationsWithoutGain: number;
  /** What the watchdog compares later steps with; absent before that step, and in runs of earlier versions. */
  first?: FirstStep;
  /** Snapshots that the policy keeps. */
  snapshots: string[];
  /** Totals over all sessions of the run. */
  seconds: number;
  tokens: { prompt: number; sampled: number; scored: number; trained: number };
}

export function newRunState(kind: RunState['kind']): RunState {
  return {
    kind,
    step: 0,
    position: 0,
    evaluatedStep: -1,
    evaluationsWithoutGain: 0,
    snapshots: [],
    seconds: 0,
    tokens: { prompt: 0, sampled: 0, scored: 0, trained: 0 },
  };
}

/** `last`: the policy's whole state, to resume from; `best` and `final`: model folders. */
export type CheckpointName = 'last' | 'best' | 'final';

export interface SavedCheckpoint {
  state: RunState;
  /** The configuration that the run was saved with. */
  config: unknown;
  /** Folder that `policy.load` reads. */
  policy: string;
}

export interface RunStore {
  /** Names the place in events and messages; of a folder its path. */
  readonly path: string;
  /** @throws TrainError `checkpoint` if the place holds a run, which a new one would overwrite. */
  requireUnused(): Promise<void>;
  /**
   * Keeps other processes from writing to the place until the function that it returns is called.
   * @throws LockError while another process does.
   */
  lock?(): Promise<() => Promise<void>>;
  /** Begins a new run with its configuration and without metrics or trajectories. */
  start(config: unknown): Promise<void>;
  /** Takes a run up after `step`: drops the lines of later steps, which will be done again. */
  resume(step: number, evaluatedStep: number): Promise<void>;
  append(line: MetricsLine): Promise<void>;
  appendTrajectories(lines: readonly WrittenTrajectory[]): Promise<void>;
  /**
   * Keeps groups for people to look at, as far as the file stays within `bytes`; a store may do without.
   */
  appendGroups?(groups: readonly KeptGroup[], bytes: number): Promise<void>;
  /** Saves policy and state as `last`, whole or not at all. Returns the place. */
  saveCheckpoint(policy: Pick<TrainablePolicy, 'save'>, state: RunState, config: unknown): Promise<string>;
  /** Saves only the state, next to the policy of `last`, which has not changed. */
  saveRunState(state: RunState, config: unknown): Promise<void>;
  /** @throws TrainError `checkpoint` if there is none, or it is damaged. */
  loadCheckpoint(): Promise<SavedCheckpoint>;
  /** Saves the live weights as a model folder, whole or not at all. Returns the place. */
  saveModel(name: 'best' | 'final', policy: Pick<TrainablePolicy, 'exportModel'>): Promise<string>;
  /** Where a checkpoint is, or will be. */
  checkpoint(name: CheckpointName): string;
}

/** Settings that may change between the sessions of a run: they do not change what a step does. */
const FREE_KEYS = new Set([
  'steps',
  'evaluation',
  'checkpointEvery',
  'savedTrajectories',
  'savedGroups',
  'model',
  'watchdog',
]);

/** A reward may have moved, and its time limit may change. That a run has one may not. */
const isMoved = ({ path, before, now }: Difference) =>
  path === 'reward.moduleSeconds' || (path === 'reward.module' && before !== undefined && now !== undefined);

/** @throws TrainError `checkpoint` if the configuration differs from the saved one in what a step does. */
export function requireSameRun(saved: SavedCheckpoint, config: unknown, place: string): void {
  const found = differences(inPresentForm(saved.config), JSON.parse(JSON.stringify(config)));
  const difference = found.find((each) => !FREE_KEYS.has(each.path.split('.')[0]) && !isMoved(each));
  if (difference === undefined) return;
  const { path, before, now } = difference;
  throw new TrainError(
    'checkpoint',
    `The run in ${place} was started with another configuration: ${path} is ${JSON.stringify(now)}, was ${JSON.stringify(before)}. Resume with the same one, or start a new run.`,
  );
}
