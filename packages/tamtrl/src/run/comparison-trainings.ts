/** A comparison's trainings that are there, held against what its file asks for. */
import { writeWhole } from '../base/files.js';
import { type Difference, differences } from '../base/objects.js';
import { readJsonObject } from '../data/files/output.js';
import { rewardFingerprint } from '../reward/reward-module.js';
import { inPresentForm } from '../train/config.js';
import type { CompareConfig } from './comparison-config.js';
import type { ComparisonRun } from './comparison-plan.js';
import { trainingConfig, trainingFile } from './comparison-settings.js';
import { RunFolder } from './folder.js';
import type { Given } from './settings.js';
import { readYamlFile } from './yaml-file.js';

/** The settings of a requested training, saved next to its folder. */
interface TrainingRecord {
  /** In the words of the comparison's file, so that another version's defaults make no other training of it. */
  request: object;
  /** All its settings. */
  config: unknown;
}

const recordFile = (training: string) => `${training}.json`;

function requestOf(config: CompareConfig, { method, seed }: ComparisonRun): object {
  return { method: method.train, model: config.model, seed, ...trainingFile(config, method) };
}

/** The file of a training's own reward has another content than when the training began. */
async function changedReward(training: string): Promise<Difference[]> {
  const { info } = await new RunFolder(training).readSettings();
  if (!info.reward) return [];
  const { file, sha256 } = info.reward;
  const now = await rewardFingerprint(file).catch(() => undefined);
  if (now === sha256) return [];
  return [{ path: 'reward.module', before: `${file}, as it was`, now: now ? `${file}, changed` : `${file}, missing` }];
}

function hasOwnReward(config: unknown): boolean {
  return (config as { reward?: { module?: unknown } }).reward?.module !== undefined;
}

/** Written before the training begins. */
export async function writeTrainingRecord(config: CompareConfig, run: ComparisonRun): Promise<void> {
  if (run.training === undefined) return;
  const whole = await trainingConfig(config, run.method, run.seed);
  const record: TrainingRecord = { request: requestOf(config, run), config: whole };
  await writeWhole(recordFile(run.training), record);
}

/** What differs between the training in a folder and what the file asks for now; nothing if there is no training. */
export async function differencesOfTraining(
  config: CompareConfig,
  run: ComparisonRun,
  files: Pick<Given, 'files'>,
): Promise<Difference[]> {
  const { training } = run;
  const saved = training && (await readJsonObject(new RunFolder(training).file('config')));
  if (training === undefined || !saved) return [];
  const record = (await readJsonObject(recordFile(training))) as TrainingRecord | undefined;
  if (!record) return differencesOfOld(config, run, saved, files);
  const asked = differences(record.request, plain(requestOf(config, run)));
  // Somebody may have gone on with it for more steps.
  if (asked.length > 0) return asked;
  const found = differences(plain(inPresentForm(saved)), plain(inPresentForm(record.config)));
  if (!hasOwnReward(record.config)) return found;
  // A reward of one's own gives the method its name once it is loaded.
  return [...found.filter(({ path }) => path !== 'method'), ...(await changedReward(training))];
}

/**
 * Earlier versions kept no record: what the file says now, and what it said then, is held against the settings of the
 * run. Where neither says anything, defaults may have changed since.
 */
async function differencesOfOld(
  config: CompareConfig,
  { method, seed, training }: ComparisonRun,
  saved: object,
  files: Pick<Given, 'files'>,
): Promise<Difference[]> {
  const { preset, ...settings } = trainingFile(config, method);
  const info = (await readJsonObject(new RunFolder(training ?? '').file('info'))) ?? {};
  const names = differences(
    { preset: info.preset, method: info.method },
    { preset: preset ?? 'custom', method: method.train },
  );
  const then = await readYamlFile(`${training}.yaml`).catch(() => undefined);
  const said = new Set(['seed', 'model', ...pathsOf(settings), ...pathsOf(then?.settings ?? {})]);
  const now = await trainingConfig(config, method, seed, files);
  const found = differences(plain(inPresentForm(saved)), plain(now)).filter(({ path }) => said.has(path));
  return [...names, ...found];
}

/** "reward.alpha" for every setting that is said. */
function pathsOf(settings: object): string[] {
  return differences({}, settings).flatMap(({ path, now }) =>
    typeof now === 'object' && now !== null ? pathsOf(now).map((below) => `${path}.${below}`) : [path],
  );
}

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
