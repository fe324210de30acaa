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

/**
 * Runs a program of Node.js to its end, with a channel to this process: it breaks when this one dies, however it does,
 * so that the part can end with it. Returns its exit code, null if a signal ended it, and its stdout.
 */
export async function runPart(part: PartProcess): Promise<{ code: number | null; out: string }> {
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
    const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
    await writeFile(log, err);
    return { code, out };
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** The last line of a log, which says why its process failed; empty if there is none. */
export async function lastLine(log: string): Promise<string> {
  return (await readFile(log, 'utf8').catch(() => '')).trimEnd().split('\n').at(-1) ?? '';
}
