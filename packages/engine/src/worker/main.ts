/** The worker thread: opens the model, then answers one call after another. */
import { parentPort, workerData } from 'node:worker_threads';
import { EngineCore } from '../core.js';
import { EngineError } from '../errors.js';
import { openModel } from '../weights/open-model.js';
import type { Call, Reply, WorkerData } from './protocol.js';
import { toWire } from './wire-error.js';

const port = parentPort;
if (!port) throw new EngineError('internal', 'The engine worker was started outside of a worker thread.');

const { source, adapter, options, cancel } = workerData as WorkerData;
const flag = new Int32Array(cancel);
const reply = (message: Reply) => port.postMessage(message);

function throwIfCancelled(): void {
  if (Atomics.load(flag, 0) !== 0) throw new EngineError('aborted', 'The call was cancelled.');
}

/** Verbs whose last argument is an options object that can't carry a callback or a signal across threads. */
const LONG = new Set(['generate', 'score', 'forwardBackward']);

async function serve(): Promise<void> {
  const model = await openModel(source, adapter);
  const core = new EngineCore(model.config, model.parameters, model.files, options, model.adapter);
  const { config, parameters, trainedParameters } = core;
  reply({ type: 'opened', value: { config, parameters, trainedParameters, files: model.files.auxiliary } });
  const verbs = core as unknown as Record<string, (...args: unknown[]) => unknown>;
  port?.on('message', async ({ verb, args }: Call) => {
    try {
      const onProgress = (value: unknown) => reply({ type: 'progress', value });
      const call = LONG.has(verb) ? [args[0], { ...(args[1] as object), onProgress }, throwIfCancelled] : args;
      reply({ type: 'result', value: await verbs[verb](...call) });
    } catch (error) {
      reply({ type: 'error', error: toWire(error) });
    }
  });
}

serve().catch((error) => reply({ type: 'error', error: toWire(error) }));
