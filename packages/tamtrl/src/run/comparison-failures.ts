/** Parts of a comparison that failed: why, kept beside their folders until they succeed. */
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolder, writeWhole } from '../base/files.js';
import { readJsonObject } from '../data/files/output.js';
import type { CompareConfig } from './comparison-config.js';
import { type ComparisonRun, comparisonRuns, isEvaluated, isTrained } from './comparison-plan.js';
import type { Refusals } from './comparison-settings.js';

/** Why a part has no result. */
export interface Failure {
  /** A sentence. */
  reason: string;
  /** It was not even begun, because its settings make no sense together. */
  refused?: true;
}

/** A run that failed, in training or on one benchmark. */
export interface FailedPart extends Failure {
  run: ComparisonRun;
  /** Absent for a training, without which no benchmark can be answered. */
  benchmark?: string;
}

const failureFile = (folder: string) => `${folder}.failed.json`;

/** @param folder of the training or evaluation */
export async function writeFailure(folder: string, failure: Failure): Promise<void> {
  await makeFolder(dirname(folder));
  await writeWhole(failureFile(folder), failure);
}

export async function removeFailure(folder: string): Promise<void> {
  await rm(failureFile(folder), { force: true });
}

export async function readFailure(folder: string): Promise<Failure | undefined> {
  const found = await readJsonObject(failureFile(folder));
  return typeof found?.reason === 'string' ? (found as unknown as Failure) : undefined;
}

/** Keeps which combinations were refused, and forgets refusals that no longer hold. */
export async function keepRefusals(config: CompareConfig, refused: Refusals): Promise<void> {
  for (const { method, training } of comparisonRuns(config)) {
    if (training === undefined) continue;
    const reason = refused.get(method.name);
    if (reason !== undefined) await writeFailure(training, { reason, refused: true });
    else if ((await readFailure(training))?.refused) await removeFailure(training);
  }
}

/** Every part that failed and has not succeeded since. */
export async function failedParts(config: CompareConfig): Promise<FailedPart[]> {
  const found: FailedPart[] = [];
  for (const run of comparisonRuns(config)) {
    const { training, cells } = run;
    if (training !== undefined && !(await isTrained(run))) {
      const failure = await readFailure(training);
      if (failure) found.push({ run, ...failure });
      continue;
    }
    for (const cell of cells) {
      const failure = (await isEvaluated(cell)) ? undefined : await readFailure(cell.folder);
      if (failure) found.push({ run, benchmark: cell.benchmark.name, ...failure });
    }
  }
  return found;
}
