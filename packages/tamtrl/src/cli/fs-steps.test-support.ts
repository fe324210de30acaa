/** What a folder looks like if the process is killed at each of its file-system calls: a copy before each call, and with each file half written. */
import { cpSync, existsSync, readdirSync, readFileSync, truncateSync } from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join, relative, sep } from 'node:path';

const CALLS = ['mkdir', 'writeFile', 'appendFile', 'rename', 'rm'] as const;

export interface FolderState {
  /** "rename checkpoints/.last.partial" */
  before: string;
  copy: string;
}

/**
 * Runs `work` and copies `folder` into folders of `copies` at every call that changes something below it, as long as `wanted` says.
 * States that differ in nothing from the one before are left out.
 */
export async function statesOf(
  folder: string,
  copies: string,
  work: () => Promise<void>,
  wanted: () => boolean = () => true,
): Promise<FolderState[]> {
  const states: FolderState[] = [];
  let last: string | undefined;
  const keep = (before: string, half?: string) => {
    if (!existsSync(folder) || !wanted()) return;
    const copy = join(copies, String(states.length));
    cpSync(folder, copy, { recursive: true });
    if (half !== undefined) {
      const path = join(copy, relative(folder, half));
      truncateSync(path, readFileSync(path).length >> 1);
    }
    const content = contentOf(copy);
    if (content === last) return;
    last = content;
    states.push({ before, copy });
  };
  const own = Object.fromEntries(CALLS.map((name) => [name, promises[name]]));
  for (const name of CALLS) {
    Object.assign(promises, {
      [name]: async (path: string, ...rest: unknown[]) => {
        const inside = path === folder || path.startsWith(folder + sep);
        if (inside) keep(`${name} ${relative(folder, path)}`);
        const result = await (own[name] as (...all: unknown[]) => Promise<unknown>)(path, ...rest);
        if (inside && /File$/.test(name)) keep(`half of ${name} ${relative(folder, path)}`, path);
        return result;
      },
    });
  }
  syncBuiltinESMExports();
  try {
    await work();
  } finally {
    Object.assign(promises, own);
    syncBuiltinESMExports();
  }
  return states;
}

/** Names and contents of all files. */
function contentOf(folder: string): string {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return entry.isFile()
        ? `${path.slice(folder.length)} ${readFileSync(path, 'latin1')}`
        : path.slice(folder.length);
    })
    .sort()
    .join('\n');
}
