/**
 * One writer at a time, in a folder or of a file. A process that has died does not keep its lock.
 *
 * Each process that wants the place creates its own file there, and only then looks for those of others. Of two
 * that arrive at the same time, the later one sees the other's file, so both cannot take themselves for the only one.
 * Nothing has to be taken over from a dead process: its file names it, and is ignored.
 */
import { open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { TamtrlError } from './errors.js';
import { makeFolder } from './files.js';
import { fnv1a } from './hash.js';

/** Who holds a lock, or wants it. All of it is in the file's name, so no file is ever half written. */
interface Claim {
  /** Name of its file, which is hidden and therefore not content of the folder. */
  file: string;
  pid: number;
  /**
   * When the process was started, in the system's own units; distinguishes it from a later one with the same number.
   */
  born: string;
  /** Number of the folder in its file system. If it differs, the file was copied along with a folder in use. */
  folder: string;
  host: string;
}

/** What is locked. */
interface Place {
  /** As it was named, for messages. */
  path: string;
  kind: 'folder' | 'file';
  /** Folder of the claims. */
  folder: string;
  /** With what the names of its claims begin. */
  prefix: string;
}

/** A folder or a file is in use by another process, or by this one. */
export class LockError extends TamtrlError<'in-use'> {
  static override readonly errorName = 'LockError';

  constructor({ path, kind, folder }: Place, { file, pid, host }: Claim) {
    const isHere = host === hostname();
    const who = isHere && pid === process.pid ? 'this program' : `process ${pid}`;
    const advice = isHere ? '' : ` If it has died, remove ${join(folder, file)}.`;
    super(
      'in-use',
      `${path} is being written to by ${who}${isHere ? '' : ` on ${host}`}. Wait until it has ended, or name another ` +
        `${kind}.${advice}`,
    );
  }
}

/**
 * Processes that arrive at the same time step back and try again after different pauses, so that one of them gets in.
 */
const ATTEMPTS = 5;
const LONGEST_PAUSE = 40;

/**
 * Takes the lock of a folder, which is made if it is not there.
 * @returns gives the lock back
 * @throws LockError while a living process holds it, or a process on another machine, whose state is unknown.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  await makeFolder(folder);
  return lockPlace({ path: folder, kind: 'folder', folder, prefix: FOLDER_PREFIX });
}

/**
 * Takes the lock of a file, which need not be there; its folder must be.
 * @returns gives the lock back
 * @throws LockError as `lockFolder`; what the system says of a folder that is missing or read-only.
 */
export async function lockFile(path: string): Promise<() => Promise<void>> {
  return lockPlace({ path, kind: 'file', folder: dirname(path), prefix: prefixOf(path) });
}

const FOLDER_PREFIX = '.lock';

/** A hash, because the name itself may be too long to be a part of another. */
export function prefixOf(path: string): string {
  return `${FOLDER_PREFIX}-of-${(fnv1a(basename(path)) >>> 0).toString(16)}`;
}

async function lockPlace(place: Place): Promise<() => Promise<void>> {
  const { folder, prefix } = place;
  const number = await numberOf(folder);
  for (let attempt = 1; ; attempt++) {
    const file = claimName(process.pid, (await birthOf(process.pid)) ?? '', number, hostname(), prefix);
    const claim = join(folder, file);
    await (await open(claim, 'wx')).close();
    let other: Claim | undefined;
    try {
      other = await livingClaim(place, number, file);
    } catch (error) {
      await rm(claim, { force: true });
      throw error;
    }
    if (other === undefined) return () => rm(claim, { force: true });
    await rm(claim, { force: true });
    if (attempt >= ATTEMPTS) throw new LockError(place, other);
    await new Promise((resolve) => setTimeout(resolve, LONGEST_PAUSE * Math.random()));
  }
}

/** The claim of another living process. Files of dead ones, and copies, are removed, whoever comes first. */
async function livingClaim({ folder, prefix }: Place, number: string, own: string): Promise<Claim | undefined> {
  let living: Claim | undefined;
  for (const file of await readdir(folder)) {
    const claim = file === own || !file.startsWith(prefix) ? undefined : claimIn(file, prefix);
    if (claim === undefined) continue;
    if (claim.folder === number && (await isAlive(claim))) living ??= claim;
    else await rm(join(folder, file), { force: true });
  }
  return living;
}

export async function numberOf(folder: string): Promise<string> {
  return String((await stat(folder, { bigint: true })).ino);
}

/** @param born may be empty */
export function claimName(pid: number, born: string, folder: string, host: string, prefix = FOLDER_PREFIX): string {
  return `${prefix}-${pid}-${born}-${folder}-${crypto.randomUUID().slice(0, 8)}-${encodeURIComponent(host)}`;
}

function claimIn(file: string, prefix: string): Claim | undefined {
  const [, pid, born, folder, host] =
    /^-(\d+)-(\d*)-(\d+)-[0-9a-f]{8}-([\w.%!~*'()-]+)$/.exec(file.slice(prefix.length)) ?? [];
  if (host === undefined) return undefined;
  try {
    return { file, pid: Number(pid), born, folder, host: decodeURIComponent(host) };
  } catch {
    return undefined;
  }
}

async function isAlive({ pid, born, host }: Claim): Promise<boolean> {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const fields = await statusOf(pid);
  // In a container whose first process waits for no other, the dead ones keep their numbers: zombies.
  if (fields !== undefined && ENDED.has(fields[0])) return false;
  const now = fields?.[BIRTH];
  return born === '' || now === undefined || born === now;
}

/** When a process was started, on Linux (proc(5), field 22 of stat); undefined elsewhere, or if it is gone. */
async function birthOf(pid: number): Promise<string | undefined> {
  return (await statusOf(pid))?.[BIRTH];
}

/** States of a process that runs no more (proc(5)). */
const ENDED = new Set(['Z', 'X', 'x']);
/** When the process was started, among the fields of `statusOf`. */
const BIRTH = 19;

/** What Linux tells of a process from its state on: field 3 of /proc/PID/stat (proc(5)), and those after it. */
async function statusOf(pid: number): Promise<string[] | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The second field is the program's name, in brackets, which may contain anything.
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}
