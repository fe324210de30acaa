/** The file that says that a folder is a comparison's, and how the folders of methods and benchmarks are called. */
import { join } from 'node:path';
import { writeWhole } from '../base/files.js';
import { differences } from '../base/objects.js';
import { readJsonObject } from '../data/files/output.js';
import { type FolderNames, namesAsJson } from './comparison-names.js';

export const MARK = 'compare.json';
const FORMAT = 'tamtrl-compare-1';

/** Marks the folder, which must be there. */
export async function markFolder(folder: string, names: FolderNames): Promise<void> {
  const before = await readMark(folder);
  const folders = namesAsJson(names);
  if (before && differences(before.folders, folders).length === 0) return;
  const { started = new Date().toISOString() } = before ?? {};
  await writeWhole(join(folder, MARK), { format: FORMAT, started, folders });
}

export async function isMarked(folder: string): Promise<boolean> {
  return (await readMark(folder)) !== undefined;
}

/** As the file says; undefined in a folder of an earlier version, or in one that is not there. */
export async function keptFolderNames(folder: string): Promise<unknown> {
  return (await readMark(folder).catch(() => undefined))?.folders;
}

async function readMark(folder: string): Promise<Record<string, unknown> | undefined> {
  const found = await readJsonObject(join(folder, MARK));
  return found?.format === FORMAT ? (found as Record<string, unknown>) : undefined;
}
