/** The folder of a comparison: new or empty, or one that says that it is a comparison's. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { entriesOf, foreignFolderMessage, readJsonObject } from '../data/files/output.js';
import { SETTINGS } from '../eval/evaluation.js';
import { isMarked, MARK } from './comparison-mark.js';
import { EVALUATION, PART_FOLDERS, TRAINING } from './comparison-plan.js';
import { RunError } from './errors.js';
import { RUN_FILES } from './folder.js';

/** How `comparison.md` begins. */
export const PAGE_HEAD = '# Comparison\n';

/** @throws RunError for a folder with something else in it. */
export async function requireComparisonFolder(folder: string): Promise<void> {
  const entries = (await entriesOf(folder)).filter((name) => name !== `${MARK}.partial`);
  if (entries.length === 0 || (await isMarked(folder)) || (await isOld(folder, entries))) return;
  throw new RunError('settings', foreignFolderMessage(folder, entries, 'a comparison', 'as "out" in its file'));
}

/** A folder that a comparison was written to, by whichever version. */
export async function isComparison(folder: string): Promise<boolean> {
  if (await isMarked(folder)) return true;
  return (await readFile(join(folder, 'comparison.md'), 'utf8').catch(() => '')).startsWith(PAGE_HEAD);
}

/**
 * Earlier versions left no mark: their tables tell, or before there are any, the runs and evaluations of their cells.
 */
async function isOld(folder: string, entries: readonly string[]): Promise<boolean> {
  const page = await readFile(join(folder, 'comparison.md'), 'utf8').catch(() => '');
  if (page.startsWith(PAGE_HEAD)) return true;
  if (entries.some((name) => !PART_FOLDERS.includes(name))) return false;
  const cells = [
    ...(await entriesOf(join(folder, TRAINING))).map((name) => join(TRAINING, name, RUN_FILES.info)),
    ...(await entriesOf(join(folder, EVALUATION))).map((name) => join(EVALUATION, name, SETTINGS)),
  ];
  const found = await Promise.all(cells.map((name) => readJsonObject(join(folder, name)).catch(() => undefined)));
  return found.some((content) => content !== undefined);
}
