/**
 * Switches off the telemetry of ONNX Runtime. Since version 1.29 its builds for Linux and macOS upload events and leave
 * a device identifier, an event cache and a log file on the machine, unless ORT_DISABLE_TELEMETRY is set in the
 * process's environment when the runtime starts (onnxruntime pull request 27379). The runtime decides once per process,
 * so this must run first.
 */
import { isMainThread } from 'node:worker_threads';
import { EngineError } from '../errors.js';

const SWITCH = 'ORT_DISABLE_TELEMETRY';

/**
 * How long to wait for the main thread, in milliseconds. It answers between two statements, so only a blocked thread is
 * late.
 */
const PATIENCE = 10_000;

/**
 * Switches the telemetry of ONNX Runtime off for this process. A value that the user has set, "0" included, stays.
 *
 * @throws EngineError 'runtime-missing' in a worker thread whose main thread cannot be reached.
 */
export async function disableTelemetry(): Promise<void> {
  if (process.env[SWITCH] !== undefined) return;
  // Workers inherit this copy; if they share the environment, so does the process.
  process.env[SWITCH] = '1';
  // A worker's environment is usually a copy that native code does not see: only the main thread's is the process's
  // own.
  if (!isMainThread) await setInMainThread();
}

async function setInMainThread(): Promise<void> {
  const { Session } = await import('node:inspector');
  const session = new Session();
  // The timer also keeps this thread alive: a waiting session does not.
  let timer: NodeJS.Timeout | undefined;
  try {
    session.connectToMainThread();
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error('the main thread did not answer')), PATIENCE);
      session.post('Runtime.evaluate', { expression: `process.env.${SWITCH} ??= '1'` }, (error, reply) => {
        if (error) reject(error);
        else if (reply.exceptionDetails) reject(new Error(reply.exceptionDetails.text));
        else resolve();
      });
    });
  } catch (cause) {
    delete process.env[SWITCH];
    throw new EngineError(
      'runtime-missing',
      'The engine did not load ONNX Runtime, because it could not switch off its telemetry from this worker thread ' +
        `(${(cause as Error).message}). ` +
        `Start the process with ${SWITCH}=1, or import @tamtrl/engine in the main thread and open the model there.`,
      { expected: `${SWITCH} in the environment`, found: 'nothing' },
      { cause },
    );
  } finally {
    clearTimeout(timer);
    session.disconnect();
  }
}
