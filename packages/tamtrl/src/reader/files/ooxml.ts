/** What Word's, PowerPoint's and Excel's documents share: parts that name one another. */
import type { Archive } from './archive.js';
import { readXml } from './xml.js';

/** Paths of the parts that a part refers to, by their ids. Targets outside of the archive are left out. */
export async function relationsOf(archive: Archive, part: string, name: string): Promise<Map<string, Relation>> {
  const at = part.lastIndexOf('/') + 1;
  const list = `${part.slice(0, at)}_rels/${part.slice(at)}.rels`;
  const relations = new Map<string, Relation>();
  if (!archive.has(list)) return relations;
  await readXml(archive.stream(list), name, {
    open(tag, { Id: id, Target: target, Type: type = '', TargetMode: mode }) {
      if (tag !== 'Relationship' || id === undefined || target === undefined || mode === 'External') return;
      relations.set(id, { path: pathFrom(part.slice(0, at), target), type: type.slice(type.lastIndexOf('/') + 1) });
    },
  });
  return relations;
}

export interface Relation {
  path: string;
  /** "slide", "notesSlide", "sharedStrings" */
  type: string;
}

/** A target within an archive, relative to a folder that ends with a slash. */
export function pathFrom(folder: string, target: string): string {
  const parts: string[] = [];
  for (const part of (target.startsWith('/') ? target : folder + target).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** How many there are of something, and its name for one and for several. */
export type Counted = readonly [count: number, one: string, several: string];

/** "3 pictures and 1 chart", from the parts that an archive has; undefined if it has none. */
export function leftOut(archive: Archive, folder: string, more: readonly Counted[] = []): string | undefined {
  const parts = (pattern: RegExp) =>
    archive.names.filter((each) => each.startsWith(folder) && pattern.test(each)).length;
  return listOf([
    // LibreOffice keeps pictures of tables, whose cells are read.
    [parts(/\/media\/|^Pictures\/(?!TablePreview)/), 'picture', 'pictures'],
    [parts(/\/charts\/chart\d*\.xml$/), 'chart', 'charts'],
    [parts(/\/embeddings\//), 'embedded file', 'embedded files'],
    ...more,
  ]);
}

/** "3 pictures, 2 charts and 1 comment"; undefined if all are 0. */
export function listOf(counts: readonly Counted[]): string | undefined {
  const named = counts
    .filter(([count]) => count > 0)
    .map(([count, one, several]) => `${count} ${count === 1 ? one : several}`);
  if (named.length < 2) return named[0];
  return `${named.slice(0, -1).join(', ')} and ${named[named.length - 1]}`;
}
