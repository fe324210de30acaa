/**
 * The folder of a run: the names of all its files, and how each is written and read. Checkpoints and JSON files appear
 * completely or not at all: they are written under a temporary name, then renamed.
 */
import { appendFile, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, makeFolder, readIfThere, writeWhole } from '../base/files.js';
import { lockFolder } from '../base/lock.js';
import { entriesOf, foreignFolderMessage, readJsonObject } from '../data/files/output.js';
import { readingFile } from '../memory/reading-settings.js';
import { READING_FILE } from '../models/reading-file.js';
import { CHECKPOINTS } from '../models/run-checkpoints.js';
import { ADAPTER_FOLDER } from '../policy/local.js';
import type { TrainablePolicy } from '../policy/types.js';
import { TrainError } from '../train/errors.js';
import type { KeptGroup } from '../train/kept-groups.js';
import type { MetricsLine, WrittenTrajectory } from '../train/metrics.js';
import type { CheckpointName, RunState, RunStore, SavedCheckpoint } from '../train/store.js';
import { RunError } from './errors.js';
import { infoFrom, infoSchema, type RunInfo } from './info.js';
import { inPresentNames, jsonLines, readLines, readMetricsLines, type SavedLine, wholeLines } from './metrics-file.js';
import { type HeldOutReadings, heldOutReadingsSchema } from './readings.js';
import { firstIssue, savedCheckpointSchema } from './saved-state.js';
import { parseSplit, type Split, splitText } from './split.js';

export const RUN_FILES = {
  /** Every setting. */
  config: 'config.json',
  /** How the run was started. */
  info: 'info.json',
  /** Which records are trained on and which are held out. */
  split: 'split.json',
  /** A line for each step and each evaluation. */
  metrics: 'metrics.jsonl',
  /** A line for each rollout that is kept in words. */
  trajectories: 'trajectories.jsonl',
  /** A line for each group of rollouts that is kept with the log-probabilities of its tokens. */
  groups: 'groups.jsonl',
  /** Held-out questions read before and after training. */
  readings: 'readings.json',
  report: 'report.md',
  learningCurve: 'learning-curve.svg',
  loss: 'loss.svg',
  /** In a comparison only: what a finished training ended with, as `--json` prints it. */
  finished: 'train.json',
} as const;

export type RunFile = keyof typeof RUN_FILES;

/** In `last`, next to the files of the policy: the state of the run. */
const STATE_FILE = 'run.json';
const FORMAT = 'tamtrl-run-1';

/** A run in a folder. Nothing is read or written before a method is called. */
export class RunFolder implements RunStore {
  readonly path: string;
  readonly #info: RunInfo | undefined;
  readonly #split: Split | undefined;

  /**
   * @param info written when a run starts; default: derived from its configuration
   * @param split written when a run starts: which records it holds out
   */
  constructor(path: string, info?: RunInfo, split?: Split) {
    this.path = path;
    this.#info = info;
    this.#split = split;
  }

  file(name: RunFile): string {
    return join(this.path, RUN_FILES[name]);
  }

  checkpoint(name: CheckpointName): string {
    return join(this.path, CHECKPOINTS, name);
  }

  async hasCheckpoint(): Promise<boolean> {
    return (await this.#newestCheckpoint()) !== undefined;
  }

  /** A new or empty folder is unused, and one with a run that was killed before it saved anything. */
  async requireUnused(): Promise<void> {
    if (await this.hasCheckpoint()) {
      throw new TrainError(
        'checkpoint',
        `${this.path} already holds a run. Resume it, or give the new run another folder.`,
      );
    }
    // A run that is killed before its first file is whole leaves this.
    const entries = (await entriesOf(this.path)).filter((name) => name !== `${RUN_FILES.info}.partial`);
    if (entries.length === 0) return;
    const info = await readJsonObject(this.file('info'));
    if (typeof info?.started !== 'string') {
      throw new TrainError('checkpoint', foreignFolderMessage(this.path, entries, 'a run'));
    }
    const metrics = await stat(this.file('metrics')).catch(() => undefined);
    if (metrics === undefined || metrics.size === 0) return;
    throw new TrainError(
      'checkpoint',
      `${this.file('metrics')} holds the results of a run whose checkpoint is gone. Starting again would delete them: give the new run another folder.`,
    );
  }

  lock(): Promise<() => Promise<void>> {
    return lockFolder(this.path);
  }

  /**
   * The files that identify the run are written first, so that a run that is killed at any moment is recognised: with
   * info and configuration it can be resumed, with less it has saved nothing.
   */
  async start(config: unknown): Promise<void> {
    await makeFolder(this.path);
    await this.writeInfo(this.#info ?? infoFrom(config, new Date()));
    if (this.#split) await this.writeSplit(this.#split);
    else await rm(this.file('split'), { force: true });
    await this.writeConfig(config);
    await writeFile(this.file('metrics'), '');
    await writeFile(this.file('trajectories'), '');
    await rm(this.file('groups'), { force: true });
    await rm(this.file('readings'), { force: true });
    await makeFolder(join(this.path, CHECKPOINTS));
  }

  /**
   * Also drops a last line that was cut short. Metrics that stay get the names of today, so that the file has one form.
   */
  async resume(step: number, evaluatedStep: number): Promise<void> {
    const isKept = (line: SavedLine) => line.step <= (line.kind === 'evaluation' ? evaluatedStep : step);
    const metrics = (await wholeLines(this.file('metrics'))).filter(isKept).map(inPresentNames);
    await writeWhole(this.file('metrics'), jsonLines(metrics));
    const trajectories = (await wholeLines(this.file('trajectories'))).filter((line) => line.step <= step);
    await writeWhole(this.file('trajectories'), jsonLines(trajectories));
    if (!(await exists(this.file('groups')))) return;
    const groups = (await wholeLines(this.file('groups'))).filter((line) => line.step <= step);
    await writeWhole(this.file('groups'), jsonLines(groups));
  }

  async append(line: MetricsLine): Promise<void> {
    await appendFile(this.file('metrics'), jsonLines([line]));
  }

  async appendTrajectories(lines: readonly WrittenTrajectory[]): Promise<void> {
    if (lines.length > 0) await appendFile(this.file('trajectories'), jsonLines(lines));
  }

  /** A group that the file has no room for is left out. */
  async appendGroups(groups: readonly KeptGroup[], bytes: number): Promise<void> {
    const path = this.file('groups');
    let size = (await stat(path).catch(() => undefined))?.size ?? 0;
    for (const group of groups) {
      const line = jsonLines([group]);
      const length = Buffer.byteLength(line);
      if (size + length > bytes) continue;
      await appendFile(path, line);
      size += length;
    }
  }

  async saveCheckpoint(policy: Pick<TrainablePolicy, 'save'>, state: RunState, config: unknown): Promise<string> {
    return this.#replace('last', async (place) => {
      await policy.save(place);
      await writeState(place, state, config);
    });
  }

  async saveRunState(state: RunState, config: unknown): Promise<void> {
    await writeState(this.checkpoint('last'), state, config);
  }

  async saveModel(name: 'best' | 'final', policy: Pick<TrainablePolicy, 'exportModel'>): Promise<string> {
    const reading = readingFile(await readJson(this.file('config')));
    return this.#replace(name, async (place) => {
      await policy.exportModel(place);
      if (!reading) return;
      await writeWhole(join(place, READING_FILE), reading);
      const adapter = join(place, ADAPTER_FOLDER);
      if (await exists(adapter)) await writeWhole(join(adapter, READING_FILE), reading);
    });
  }

  async loadCheckpoint(): Promise<SavedCheckpoint> {
    const place = await this.#newestCheckpoint();
    if (place === undefined) {
      throw new TrainError(
        'checkpoint',
        `There is no checkpoint in ${join(this.path, CHECKPOINTS)} (expected last/${STATE_FILE}). Was the run started there?`,
      );
    }
    const path = join(place, STATE_FILE);
    const damaged = (what: string, cause?: unknown) =>
      new TrainError('checkpoint', `${path} is damaged: ${what}. Start the run again in a new folder.`, { cause });
    let saved: unknown;
    try {
      saved = JSON.parse(await readFile(path, 'utf8'));
    } catch (error) {
      throw damaged((error as Error).message, error);
    }
    const format = (saved as { format?: unknown } | null)?.format;
    if (format !== FORMAT) {
      throw new TrainError(
        'checkpoint',
        `${path} is not a checkpoint of this program: expected format ${FORMAT}, found ${String(format)}.`,
      );
    }
    const parsed = savedCheckpointSchema.safeParse(saved);
    if (!parsed.success) throw damaged(firstIssue(parsed.error));
    return { ...parsed.data, policy: place };
  }

  async writeInfo(info: RunInfo): Promise<void> {
    await writeWhole(this.file('info'), info);
  }

  async writeConfig(config: unknown): Promise<void> {
    await writeWhole(this.file('config'), config);
  }

  /**
   * Info and configuration as they were written.
   * @throws RunError `no-run` if one of them is missing or damaged, or the run was killed before anything was saved.
   */
  async readSettings(): Promise<{ info: RunInfo; config: unknown }> {
    const config = await readJson(this.file('config'));
    const info = infoSchema.safeParse((await readJson(this.file('info'))) ?? (await this.#infoOfOldRun(config)));
    if (config !== undefined && info.success) return { info: info.data, config };
    const [missing, advice] = info.success
      ? [RUN_FILES.config, 'If the run was killed as it began, nothing was saved: start it again in the same folder.']
      : [RUN_FILES.info, 'Give the folder that the run was written to.'];
    throw new RunError('no-run', `There is no run in ${this.path}: ${missing} is missing or damaged. ${advice}`);
  }

  /** Earlier versions wrote info.json after the first checkpoint, and could be killed in between. */
  async #infoOfOldRun(config: unknown): Promise<RunInfo | undefined> {
    if (config === undefined || (await exists(this.file('info'))) || !(await this.hasCheckpoint())) return undefined;
    return infoFrom(config, (await stat(this.file('config'))).mtime);
  }

  async writeSplit(split: Split): Promise<void> {
    await writeWhole(this.file('split'), splitText(split));
  }

  /**
   * Undefined for generated questions, and for runs of earlier versions. @throws TrainError `checkpoint` if damaged.
   */
  async readSplit(): Promise<Split | undefined> {
    const text = await readIfThere(this.file('split'));
    return text === undefined ? undefined : parseSplit(text, this.file('split'));
  }

  async writeReadings(readings: HeldOutReadings): Promise<void> {
    await writeWhole(this.file('readings'), readings);
  }

  /** Empty if there are none. @throws RunError `no-run` for a damaged file. */
  async readReadings(): Promise<HeldOutReadings> {
    const path = this.file('readings');
    const text = await readIfThere(path);
    if (text === undefined) return { before: [] };
    const damaged = (what: string) =>
      new RunError(
        'no-run',
        `${path} is damaged: ${what}. Restore it from a copy, or remove it to continue without it.`,
      );
    let found: unknown;
    try {
      found = JSON.parse(text);
    } catch (error) {
      throw damaged((error as Error).message);
    }
    const parsed = heldOutReadingsSchema.safeParse(found);
    if (!parsed.success) throw damaged(firstIssue(parsed.error));
    return parsed.data;
  }

  /** All lines, in order. */
  async readMetrics(): Promise<MetricsLine[]> {
    return readMetricsLines(this.file('metrics'));
  }

  /** All lines, in order. */
  async readTrajectories(): Promise<WrittenTrajectory[]> {
    return (await readLines(this.file('trajectories'))) as unknown[] as WrittenTrajectory[];
  }

  /** All groups that are kept, in order; none if there is no such file. */
  async readGroups(): Promise<KeptGroup[]> {
    return (await wholeLines(this.file('groups'))) as unknown[] as KeptGroup[];
  }

  /** `last`, or the one that was being replaced when the process ended. */
  async #newestCheckpoint(): Promise<string | undefined> {
    for (const name of ['last', '.last.old']) {
      const place = join(this.path, CHECKPOINTS, name);
      if (await exists(join(place, STATE_FILE))) return place;
    }
    return undefined;
  }

  async #replace(name: CheckpointName, write: (place: string) => Promise<void>): Promise<string> {
    const place = this.checkpoint(name);
    const fresh = join(this.path, CHECKPOINTS, `.${name}.partial`);
    const old = join(this.path, CHECKPOINTS, `.${name}.old`);
    await rm(fresh, { recursive: true, force: true });
    await makeFolder(fresh);
    await write(fresh);
    // If there is no `last`, the old one is the only whole checkpoint: it must not go before the new one is in its
    // place.
    if (await exists(place)) {
      await rm(old, { recursive: true, force: true });
      await rename(place, old);
    }
    await rename(fresh, place);
    await rm(old, { recursive: true, force: true });
    return place;
  }
}

async function writeState(place: string, state: RunState, config: unknown): Promise<void> {
  await writeWhole(join(place, STATE_FILE), { format: FORMAT, state, config });
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return undefined;
  }
}
