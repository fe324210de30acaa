/**
 * Switches off the telemetry of ONNX Runtime. Since version 1.29 its builds for Linux and macOS upload events and leave
 * a device identifier, an event cache and a log file on the machine, unless ORT_DISABLE_TELEMETRY is set in the
 * process's environment when the runtime starts (onnxruntime pull request 27379). The runtime decides once per process,
 * so this must run first.
 *
 * Native code must see the variable in its environment. `process.env` is that environment in the main thread of Node
 * and Deno. In a worker thread it is usually a copy, and in Bun it always is, so a value found there may not be in the
 * process's environment.
 */
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';
import { EngineError } from '../errors.js';

const SWITCH = 'ORT_DISABLE_TELEMETRY';

/** Worker threads inherit this mark from the thread that set the switch, and then have nothing to do. */
const SETTLED = '@tamtrl/engine: telemetry settled';

/** Milliseconds to wait for the main thread. It answers as soon as it is idle, so only a blocked thread is late. */
const PATIENCE = 10_000;

/**
 * Switches off ONNX Runtime's telemetry for this process. If the user has set a value, even "0", it stays.
 *
 * @throws EngineError 'runtime-missing' if the process's environment cannot be changed from here.
 */
export async function disableTelemetry(): Promise<void> {
  if (getEnvironmentData(SETTLED)) return;
  const found = process.env[SWITCH];
  try {
    await setForProcess(found ?? '1');
  } catch (cause) {
    // If there is a value, the process was almost certainly started with it, as the error below advises.
    if (found === undefined) throw refusal(cause as Error);
  }
  process.env[SWITCH] ??= '1';
  setEnvironmentData(SETTLED, true);
}

async function setForProcess(value: string): Promise<void> {
  if (process.versions.bun) await setWithLibc(value);
  else if (isMainThread) process.env[SWITCH] = value;
  else if ('Deno' in globalThis) setWithDeno(value);
  else await setInMainThread(value);
}

interface BunFfi {
  dlopen(
    library: string,
    symbols: { setenv: { args: readonly string[]; returns: string } },
  ): { symbols: { setenv(name: Uint8Array, value: Uint8Array, overwrite: number): number }; close(): void };
}

/** Bun: assigning to `process.env` does not call setenv in any thread. */
async function setWithLibc(value: string): Promise<void> {
  const libraries: Partial<Record<NodeJS.Platform, string>> = {
    darwin: '/usr/lib/libSystem.B.dylib',
    linux: 'libc.so.6',
  };
  const library = libraries[process.platform];
  // The builds for other systems have no switch.
  if (library === undefined) return;
  // The name is in a variable, because neither the compiler nor bundlers know this module.
  const name = 'bun:ffi';
  const ffi = (await import(name)) as BunFfi;
  const libc = ffi.dlopen(library, { setenv: { args: ['cstring', 'cstring', 'i32'], returns: 'i32' } });
  const text = (string: string) => new TextEncoder().encode(`${string}\0`);
  // The main thread's value may come from a .env file or an assignment. In a worker, the process's own value takes
  // precedence.
  const failed = libc.symbols.setenv(text(SWITCH), text(value), isMainThread ? 1 : 0);
  libc.close();
  if (failed) throw new Error('setenv failed');
}

/** Deno in a worker: `process.env` is a copy, but Deno's own functions change the process's environment. */
function setWithDeno(value: string): void {
  const { env } = (globalThis as unknown as { Deno: { env: Pick<Map<string, string>, 'get' | 'set'> } }).Deno;
  if (env.get(SWITCH) === undefined) env.set(SWITCH, value);
}

/** Node in a worker: asks the main thread to do it. */
async function setInMainThread(value: string): Promise<void> {
  const { Session } = await import('node:inspector');
  const session = new Session();
  // The timer also keeps this thread alive; a waiting session does not.
  let timer: NodeJS.Timeout | undefined;
  try {
    session.connectToMainThread();
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error('the main thread did not answer')), PATIENCE);
      const expression = `process.env.${SWITCH} ??= ${JSON.stringify(value)}`;
      session.post('Runtime.evaluate', { expression }, (error, reply) => {
        if (error) reject(error);
        else if (reply.exceptionDetails) reject(new Error(reply.exceptionDetails.text));
        else resolve();
      });
    });
  } finally {
    clearTimeout(timer);
    session.disconnect();
  }
}

function refusal(cause: Error): EngineError {
  const place = isMainThread ? 'from this process' : 'from this worker thread';
  return new EngineError(
    'runtime-missing',
    `The engine did not load ONNX Runtime, because it could not switch off its telemetry ${place} (${cause.message}). ` +
      `Start the process with ${SWITCH}=1, or import @tamtrl/engine in the main thread and open the model there.`,
    { expected: `${SWITCH} in the environment`, found: 'nothing' },
    { cause },
  );
}
