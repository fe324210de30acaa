/** The files of a folder, as of a program's sources: what git tracks or would, without what is binary. */
import type { Dirent } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import ignore, { type Ignore } from 'ignore';
import { exists } from '../../base/files.js';
import { count } from '../../base/format.js';
import { MAX_FOLDER_DEPTH, MAX_FOLDER_FILES } from '../../base/limits.js';
import { ReaderError } from '../errors.js';
import { contentOfHandle, openFile } from './content.js';
import type { DocumentPlace } from './document-place.js';
import { kindOfContent } from './kinds.js';
import { listOf } from './ooxml.js';

/** Never read: what other programs keep for themselves. Hidden files may hold keys. */
const isHidden = (name: string) => name.startsWith('.') || name === 'node_modules';

/** Rules of a .gitignore, for paths relative to its folder. */
interface Rules {
  folder: string;
  rules: Ignore;
}

/** What has been left out, and why. */
interface Skipped {
  binary: number;
  empty: number;
  ignored: number;
  links: number;
  /** Files and folders that the system does not let us read. */
  refused: number;
  /** Folders below the greatest depth. */
  deep: number;
}

/**
 * The files under a folder that can be read, in the order of their names, each titled with its path. Links are not
 * followed.
 * @throws ReaderError `input` if there is none, or more than can be read.
 */
export async function filesUnder(folder: string, onNote?: (note: string) => void): Promise<DocumentPlace[]> {
  const top = resolve(folder);
  const skipped: Skipped = { binary: 0, empty: 0, ignored: 0, links: 0, refused: 0, deep: 0 };
  const found: string[] = [];
  await walk(top, await rulesAbove(top), found, skipped, 0);
  const left = listOf([
    [skipped.binary, 'file that is not text', 'files that are not text'],
    [skipped.empty, 'empty file', 'empty files'],
    [skipped.ignored, 'that .gitignore names', 'that .gitignore names'],
    [skipped.links, 'link', 'links'],
    [skipped.refused, 'that the system does not let you read', 'that the system does not let you read'],
    [skipped.deep, `folder below a depth of ${MAX_FOLDER_DEPTH}`, `folders below a depth of ${MAX_FOLDER_DEPTH}`],
  ]);
  if (found.length === 0) {
    throw new ReaderError(
      'input',
      `There is no file to read in the folder ${folder}${left ? `: left out were ${left}` : ''}. Hidden files are not read.`,
    );
  }
  if (left !== undefined) onNote?.(`${folder}: ${left} left out`);
  const within = relative(process.cwd(), top);
  const isBelow = !within.startsWith('..') && within !== top;
  const name = isBelow ? within : basename(top);
  return found.map((path) => ({
    path: join(folder, path),
    title: join(name, path).split(sep).join('/'),
    mayFail: true,
  }));
}

/** The rules of the folders above, up to that of the repository; none outside of one. */
async function rulesAbove(top: string): Promise<Rules[]> {
  const folders: string[] = [];
  for (let folder = top; ; folder = dirname(folder)) {
    if (folder !== top) folders.unshift(folder);
    if (await exists(join(folder, '.git'))) break;
    if (dirname(folder) === folder) return [];
  }
  return (await Promise.all(folders.map(rulesIn))).flat();
}

async function rulesIn(folder: string): Promise<Rules[]> {
  const path = join(folder, '.gitignore');
  if (!(await stat(path).catch(() => undefined))?.isFile()) return [];
  return [{ folder, rules: ignore().add(await readFile(path, 'utf8')) }];
}

async function walk(
  folder: string,
  above: readonly Rules[],
  found: string[],
  skipped: Skipped,
  depth: number,
  way = '',
): Promise<void> {
  let entries: Dirent[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (depth > 0) {
      skipped.refused++;
      return;
    }
    throw new ReaderError('input', `Cannot read the folder ${folder}: ${(error as Error).message}.`, { cause: error });
  }
  const rules = [...above, ...(await rulesIn(folder))];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (isHidden(entry.name)) continue;
    const path = join(folder, entry.name);
    const name = join(way, entry.name);
    if (entry.isSymbolicLink()) skipped.links++;
    else if (isIgnored(path, entry.isDirectory(), rules)) skipped.ignored++;
    else if (entry.isDirectory()) {
      if (depth < MAX_FOLDER_DEPTH) await walk(path, rules, found, skipped, depth + 1, name);
      else skipped.deep++;
    } else if (entry.isFile()) {
      const obstacle = await obstacleTo(path);
      if (obstacle !== undefined) skipped[obstacle]++;
      else if (found.push(name) > MAX_FOLDER_FILES) {
        throw new ReaderError(
          'input',
          `There are more than ${count(MAX_FOLDER_FILES)} files in the folder. Name one of the folders in it.`,
        );
      }
    }
  }
}

/** The last rule that matches decides, and those of a folder come after those above it. */
function isIgnored(path: string, isFolder: boolean, rules: readonly Rules[]): boolean {
  let ignored = false;
  for (const each of rules) {
    const name = relative(each.folder, path).split(sep).join('/');
    const result = each.rules.test(isFolder ? `${name}/` : name);
    if (result.ignored) ignored = true;
    else if (result.unignored) ignored = false;
  }
  return ignored;
}

/** Why a file cannot be read, if it cannot. */
async function obstacleTo(path: string): Promise<'binary' | 'empty' | 'refused' | undefined> {
  let obstacle: 'binary' | 'refused' = 'refused';
  try {
    const handle = await openFile(path);
    try {
      const { head, name, size } = await contentOfHandle(handle, path);
      if (size === 0) return 'empty';
      obstacle = 'binary';
      kindOfContent(head, name);
      return undefined;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (ReaderError.isInstance(error)) return obstacle;
    throw error;
  }
}
