/** A YAML configuration file that knows where in the file each of its settings stands. */
import { readFile, stat } from 'node:fs/promises';
import { isMap, isNode, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { libraryReason } from '../base/errors.js';
import { bytesText, MAX_YAML_BYTES } from '../base/limits.js';
import { RunError } from './errors.js';
import { checkNesting, checkYaml } from './yaml-checks.js';

export interface YamlFile {
  path: string;
  settings: Record<string, unknown>;
  /**
   * "FILE:LINE:COLUMN" of the value at a path, or of its key; of the nearest part above it that is there. Both count
   * from 1.
   */
  place(path: readonly PropertyKey[], part?: 'key' | 'value'): string;
  /** False if no flag can replace the file's setting. */
  flags?: false;
  /** The file says something about this path. */
  has(path: readonly PropertyKey[]): boolean;
}

/** @throws RunError with line and column if the text is not YAML, or not a mapping. */
export async function readYamlFile(path: string, what = 'configuration file'): Promise<YamlFile> {
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > MAX_YAML_BYTES)
      throw new Error(`it has ${bytesText(size)}, expected at most ${bytesText(MAX_YAML_BYTES)}`);
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new RunError('settings', `Cannot read the ${what} ${path}: ${(error as Error).message}.`);
  }
  return parseYamlFile(path, text);
}

export function parseYamlFile(path: string, text: string): YamlFile {
  const lines = new LineCounter();
  checkNesting(path, text);
  const document = parsed(path, text, lines);
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  // Later errors are often only consequences of the first one.
  const [problem] = [...document.errors, ...document.warnings];
  if (problem) throw new RunError('settings', `${at(problem.pos[0])}: not YAML: ${problem.message}`);
  checkYaml(document, at);
  const root = document.contents;
  if (root !== null && !isMap(root)) {
    const found = isSeq(root) ? 'a list' : 'a single value';
    throw new RunError(
      'settings',
      `${at(root.range?.[0] ?? 0)}: expected settings ("key: value" lines), found ${found}. See docs/cli.md.`,
    );
  }
  const find = (keys: readonly PropertyKey[]) => walk(root, keys);
  return {
    path,
    settings: (document.toJS() ?? {}) as Record<string, unknown>,
    has: (keys) => find(keys).depth === keys.length,
    place: (keys, part = 'value') => {
      const found = find(keys);
      const whole = found.depth === keys.length;
      const node = part === 'key' || !whole ? (found.key ?? found.value) : (found.value ?? found.key);
      return at(node?.range?.[0] ?? 0);
    },
  };
}

/** @throws RunError if the nesting is too deep for the library, which recurses at each level. */
function parsed(path: string, text: string, lineCounter: LineCounter) {
  const tooDeep = 'mistakes in its lines make it nest too deep';
  try {
    const document = parseDocument(text, { lineCounter, prettyErrors: false, logLevel: 'silent' });
    // In some places the library takes the end of the call stack for a mistake in the file.
    if (!document.errors.some(({ message }) => message.includes('call stack'))) return document;
  } catch (error) {
    throw new RunError('settings', `${path}: not YAML: ${libraryReason(error, tooDeep)}.`);
  }
  throw new RunError('settings', `${path}: not YAML: ${tooDeep}.`);
}

/** Follows keys as far as they lead: the last key node and value node met, and how many keys were found. */
function walk(root: Node | null, keys: readonly PropertyKey[]): { key?: Node; value?: Node; depth: number } {
  let key: Node | undefined;
  let value: Node | undefined = root ?? undefined;
  let depth = 0;
  for (const wanted of keys) {
    if (isMap(value)) {
      const pair = value.items.find((item) => isScalar(item.key) && String(item.key.value) === String(wanted));
      if (!pair || !isScalar(pair.key)) break;
      key = pair.key;
      value = isNode(pair.value) ? pair.value : undefined;
    } else if (isSeq(value) && typeof wanted === 'number' && isNode(value.items[wanted])) {
      key = undefined;
      value = value.items[wanted];
    } else break;
    depth++;
  }
  return { key, value, depth };
}
