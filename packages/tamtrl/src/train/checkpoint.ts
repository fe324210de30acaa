/**
 * Checkpoints of a run. `last/` holds the policy's whole state and where the run stands; `best/` is the model of the best evaluation,
 * as a folder that can be opened. Each appears whole or not at all: written beside its place, then renamed.
 */
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, writeWhole } from '../base/files.js';
import type { TrainablePolicy } from '../policy/types.js';
import { inPresentNames } from './config.js';
import { TrainError } from './errors.js';

/** Where a run stands. Randomness has no state: every draw is named by the run's seed and the draw's place. */
export interface RunState {
  kind: 'reinforcement' | 'supervised';
  /** Steps done. */
  step: number;
  /** Questions drawn so far: the place in the order of the data. */
  position: number;
  /** The last step that was evaluated; -1: none. */
  evaluatedStep: number;
  /** Exact match before training. */
  before?: number;
  /** Exact match at the last evaluation. */
  latest?: number;
  best?: { step: number; exact_match: number };
  evaluationsWithoutGain: number;
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

const STATE_FILE = 'run.json';
const FORMAT = 'tamtrl-run-1';

/** Settings that may change between the sessions of a run: they do not change what a step does. */
const FREE_KEYS = new Set(['steps', 'evaluation', 'checkpointEvery', 'savedTrajectories', 'model']);

/** Saves policy and state as `folder/last`. */
export async function saveCheckpoint(
  folder: string,
  policy: Pick<TrainablePolicy, 'save'>,
  state: RunState,
  config: unknown,
): Promise<string> {
  return replaceFolder(folder, 'last', async (place) => {
    await policy.save(place);
    await writeState(place, state, config);
  });
}

/** Saves the state alone beside the policy of `folder/last`, which has not changed. */
export async function saveRunState(folder: string, state: RunState, config: unknown): Promise<void> {
  await writeState(join(folder, 'last'), state, config);
}

/** Writes the live weights as a model folder, `folder/<name>`. */
export async function saveModel(
  folder: string,
  name: 'best' | 'final',
  policy: Pick<TrainablePolicy, 'exportModel'>,
): Promise<string> {
  return replaceFolder(folder, name, (place) => policy.exportModel(place));
}

/**
 * Restores policy and state from `folder/last`.
 * @throws TrainError `checkpoint` if there is none, it is damaged, or the configuration differs in what a step does.
 */
export async function loadCheckpoint(
  folder: string,
  policy: Pick<TrainablePolicy, 'load'>,
  config: unknown,
): Promise<RunState> {
  const place = await newestOf(folder);
  if (place === undefined) {
    throw new TrainError(
      'checkpoint',
      `There is no checkpoint in ${folder} (expected last/${STATE_FILE}). Was the run started there?`,
    );
  }
  const path = join(place, STATE_FILE);
  let saved: { format?: string; state?: SavedState; config?: unknown };
  try {
    saved = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new TrainError('checkpoint', `Cannot read ${path}: ${(error as Error).message}. Start the run anew.`, {
      cause: error,
    });
  }
  if (saved.format !== FORMAT || !saved.state) {
    throw new TrainError(
      'checkpoint',
      `${path} is not a checkpoint of this program: expected format ${FORMAT}, found ${String(saved.format)}.`,
    );
  }
  const difference = firstDifference(inPresentNames(saved.config), JSON.parse(JSON.stringify(config)), '');
  if (difference) {
    throw new TrainError(
      'checkpoint',
      `The run in ${folder} was started with another configuration: ${difference}. Resume with the same one, or start a new run.`,
    );
  }
  await policy.load(place);
  return inPresentForm(saved.state);
}

/** Earlier versions wrote `exactMatch`. */
type SavedState = Omit<RunState, 'best'> & { best?: { step: number; exact_match?: number; exactMatch?: number } };

function inPresentForm({ best, ...state }: SavedState): RunState {
  if (!best) return state;
  return { ...state, best: { step: best.step, exact_match: best.exact_match ?? best.exactMatch ?? 0 } };
}

export async function hasCheckpoint(folder: string): Promise<boolean> {
  return (await newestOf(folder)) !== undefined;
}

/** `last`, or the one that was being replaced when the process ended. */
async function newestOf(folder: string): Promise<string | undefined> {
  for (const name of ['last', '.last.old']) {
    if (await exists(join(folder, name, STATE_FILE))) return join(folder, name);
  }
  return undefined;
}

async function replaceFolder(folder: string, name: string, write: (place: string) => Promise<void>): Promise<string> {
  const place = join(folder, name);
  const fresh = join(folder, `.${name}.partial`);
  const old = join(folder, `.${name}.old`);
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true });
  await write(fresh);
  // If there is no `last`, the old one is the only whole checkpoint: it must not go before the new one is in its place.
  if (await exists(place)) {
    await rm(old, { recursive: true, force: true });
    await rename(place, old);
  }
  await rename(fresh, place);
  await rm(old, { recursive: true, force: true });
  return place;
}

async function writeState(place: string, state: RunState, config: unknown): Promise<void> {
  await writeWhole(join(place, STATE_FILE), { format: FORMAT, state, config });
}

/** "clipHigh is 0.2, was 0.28"; undefined if nothing that matters differs. */
function firstDifference(before: unknown, now: unknown, path: string): string | undefined {
  const isTree = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
  if (isTree(before) && isTree(now)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(now)])) {
      if (path === '' && FREE_KEYS.has(key)) continue;
      const found = firstDifference(before[key], now[key], path === '' ? key : `${path}.${key}`);
      if (found) return found;
    }
    return undefined;
  }
  return Object.is(before, now) ? undefined : `${path} is ${JSON.stringify(now)}, was ${JSON.stringify(before)}`;
}
