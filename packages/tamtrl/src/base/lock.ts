/** One writer at a time in a folder. A process that has died does not keep its lock. */
import { constants } from 'node:fs';
import { copyFile, link, mkdir, open, readFile, rename, rm, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { TamtrlError } from './errors.js';

/** Hidden, so it does not count as content of the folder. */
export const LOCK_FILE = '.lock';

/** Who holds a lock. */
export interface LockHolder {
  pid: number;
  host: string;
  /** When the process was started, in the system's own units; tells it apart from a later one with the same number. */
  born?: string;
  /** Different for each lock, also of the same process. */
  id: string;
}

/** A folder is in use by another process, or by this one. */
export class LockError extends TamtrlError<'in-use'> {
  static override readonly errorName = 'LockError';
  readonly holder: LockHolder;

  constructor(folder: string, holder: LockHolder) {
    const isHere = holder.host === hostname();
    const who = isHere && holder.pid === process.pid ? 'this program' : `process ${holder.pid}`;
    const advice = isHere ? '' : ` If it has died, remove ${join(folder, LOCK_FILE)}.`;
    super(
      'in-use',
      `${folder} is being written to by ${who}${isHere ? '' : ` on ${holder.host}`}. Wait until it has ended, or name ` +
        `another folder.${advice}`,
    );
    this.holder = holder;
  }
}

/**
 * Takes the lock of a folder, which is made if it is not there.
 * @returns gives the lock back
 * @throws LockError while a living process has it, or one on another machine, of which nobody can tell.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, LOCK_FILE);
  const own: LockHolder = {
    pid: process.pid,
    host: hostname(),
    born: await birthOf(process.pid),
    id: crypto.randomUUID(),
  };
  const written = `${path}.${own.id}`;
  const file = await open(written, 'wx');
  try {
    await file.writeFile(JSON.stringify(own));
    await file.close();
    // A link appears with its content, and only if there is no lock.
    while (!(await linked(written, path))) {
      const holder = await holderOf(path);
      if (holder === undefined) continue;
      if (await isAlive(holder)) throw new LockError(folder, holder);
      await removeStale(path, holder);
    }
  } finally {
    await rm(written, { force: true });
  }
  return async () => {
    if ((await holderOf(path))?.id === own.id) await unlink(path);
  };
}

/** Codes of file systems that have no links. */
const WITHOUT_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** False if `to` is there already. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to).catch((error: NodeJS.ErrnoException) => {
      if (!WITHOUT_LINKS.has(error.code ?? '')) throw error;
      return copyFile(from, to, constants.COPYFILE_EXCL);
    });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  }
}

/** Undefined if there is no lock (any more). A damaged one counts as that of nobody alive. */
async function holderOf(path: string): Promise<LockHolder | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
  try {
    const { pid, host, born, id } = JSON.parse(text) as Partial<LockHolder>;
    if (Number.isInteger(pid) && typeof host === 'string') return { pid: pid!, host, born, id: String(id) };
  } catch {
    // Not a lock that this program wrote.
  }
  return { pid: 0, host: hostname(), id: 'damaged' };
}

/** Two processes may find the same dead lock: only what was judged is removed, not what has taken its place. */
async function removeStale(path: string, judged: LockHolder): Promise<void> {
  const aside = `${path}.${crypto.randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if ((await holderOf(aside))?.id !== judged.id) await linked(aside, path);
  await rm(aside, { force: true });
}

async function isAlive({ pid, host, born }: LockHolder): Promise<boolean> {
  if (host !== hostname()) return true;
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const now = await birthOf(pid);
  return born === undefined || now === undefined || born === now;
}

/** Linux tells when a process was started (proc(5), field 22 of stat); undefined elsewhere, or if it is gone. */
async function birthOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The second field is the program's name, which may hold anything, in brackets.
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19];
}
