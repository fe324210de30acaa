/** A process that makes a part of a comparison. */
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';

export interface PartProcess {
  /** The program, and its arguments. */
  executable: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  /** File for what it writes to stderr. */
  log: string;
  /** Its abort asks the process to save and end. */
  signal: AbortSignal;
}

/** One of the two is null. */
export interface PartEnd {
  code: number | null;
  killedBy: NodeJS.Signals | null;
}

/**
 * Runs a program of Node.js to its end, with a channel to this process: it breaks when this one dies, however it does,
 * so that the part can end with it. Returns its stdout and its exit code, or the signal that ended it.
 */
export async function runPart(part: PartProcess): Promise<PartEnd & { out: string }> {
  const { executable, args, env, log, signal } = part;
  const child = spawn(process.execPath, [executable, ...args], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env });
  const stop = () => child.kill('SIGINT');
  signal.addEventListener('abort', stop, { once: true });
  let out = '';
  let err = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  try {
    const end = await new Promise<PartEnd>((resolve, reject) =>
      child.on('error', reject).on('close', (code, killedBy) => resolve({ code, killedBy })),
    );
    await writeFile(log, err);
    return { ...end, out };
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Why its process failed: the signal that ended it, or the last line of its log. */
export async function failureText(log: string, { code, killedBy }: PartEnd): Promise<string> {
  if (killedBy === 'SIGKILL') return 'it was killed (SIGKILL), as the system does when memory runs out';
  if (killedBy !== null) return `it was ended by ${killedBy}`;
  const line = (await readFile(log, 'utf8').catch(() => '')).trimEnd().split('\n').at(-1) ?? '';
  return line.replace(/^tamtrl: /, '') || `it ended with code ${code}`;
}
