/** The engine's interface for callers: every verb runs in a worker thread, one call after another. */
import { Worker } from 'node:worker_threads';
import type { Engine } from '../api.js';
import type { CoreOptions } from '../core.js';
import { EngineError } from '../errors.js';
import type { AdapterOptions } from '../models/adapter.js';
import { disableTelemetry } from '../runtime/telemetry.js';
import type { ModelSource } from '../weights/open-model.js';
import { builtFile } from './built-file.js';
import type { Opened, Reply, WorkerData } from './protocol.js';
import { fromWire } from './wire-error.js';

export type EngineOptions = CoreOptions & {
  /**
   * A model folder in Hugging Face's layout, a GGUF file, a folder with an adapter that names its base, or a shape to
   * fill with random weights.
   */
  model: string | Exclude<ModelSource, { path: string }>;
  /** Trains a low-rank adapter (LoRA) instead of the weights: a new one, or a saved one. */
  adapter?: AdapterOptions;
};

interface LongOptions {
  signal?: AbortSignal;
  onProgress?: (progress: { finished: number; total: number; tokens: number }) => void;
}

/**
 * Opens a model in a worker thread.
 *
 * @throws EngineError 'runtime-missing', 'file', 'truncated-file', 'missing-tensor', 'tensor-shape',
 *   'unknown-architecture', 'unsupported' or 'non-finite-weights'.
 */
export async function createEngine({ model, adapter, ...options }: EngineOptions): Promise<Engine> {
  // Done here rather than in the worker, because native code sees only the main thread's environment.
  await disableTelemetry();
  const cancel = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const source: ModelSource = typeof model === 'string' ? { path: model } : model;
  const workerData: WorkerData = { source, adapter, options, cancel };
  const channel = new Channel(
    new Worker(builtFile(import.meta.url, 'worker/main.js'), { workerData, name: 'tamtrl engine' }),
    new Int32Array(cancel),
  );
  const { config, parameters, trainedParameters, files } = await channel.opened();
  const call = <T>(verb: string, ...args: unknown[]) => channel.call<T>(verb, args, {});
  const long = <T>(verb: string, rows: unknown, { signal, onProgress, ...rest }: LongOptions) =>
    channel.call<T>(verb, [rows, rest], { signal, onProgress });
  return {
    config,
    parameters,
    trainedParameters,
    files,
    generate: (requests, callOptions) => long('generate', requests, callOptions),
    score: (rows, callOptions = {}) => long('score', rows, callOptions),
    forwardBackward: (rows, callOptions) => long('forwardBackward', rows, callOptions),
    optimStep: (callOptions) => call('optimStep', callOptions),
    zeroGradients: () => call('zeroGradients'),
    snapshot: (name) => call('snapshot', name),
    blendSnapshot: (name, decay) => call('blendSnapshot', name, decay),
    dropSnapshot: (name) => call('dropSnapshot', name),
    save: (folder) => call('save', folder),
    load: (folder) => call('load', folder),
    exportModel: (folder, callOptions) => call('exportModel', folder, callOptions),
    exportAdapter: (folder) => call('exportAdapter', folder),
    close: () => channel.close(),
  };
}

interface Waiting {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
  onProgress?: LongOptions['onProgress'];
}

/** Sends the worker one call at a time; the others wait here and can still be cancelled. */
class Channel {
  readonly #worker: Worker;
  readonly #cancel: Int32Array;
  #current: Waiting | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #gone: Error | undefined;

  constructor(worker: Worker, cancel: Int32Array) {
    this.#worker = worker;
    this.#cancel = cancel;
    worker.on('message', (reply: Reply) => this.#receive(reply));
    worker.on('error', (error) =>
      this.#end(new EngineError('internal', `The engine's thread failed: ${error.message}`, {}, { cause: error })),
    );
    worker.on('exit', (code) =>
      this.#end(new EngineError('internal', `The engine's thread has ended (code ${code}).`)),
    );
  }

  opened(): Promise<Opened> {
    return this.#wait<Opened>({}, () => {});
  }

  call<T>(verb: string, args: unknown[], { signal, onProgress }: LongOptions): Promise<T> {
    const turn = this.#queue.then(async () => {
      if (signal?.aborted) throw aborted(signal);
      Atomics.store(this.#cancel, 0, 0);
      const abort = () => Atomics.store(this.#cancel, 0, 1);
      signal?.addEventListener('abort', abort, { once: true });
      try {
        return await this.#wait<T>({ onProgress }, () => this.#worker.postMessage({ verb, args }));
      } catch (error) {
        throw signal?.aborted && EngineError.isInstance(error, 'aborted') ? aborted(signal) : error;
      } finally {
        signal?.removeEventListener('abort', abort);
      }
    });
    this.#queue = turn.catch(() => {});
    return turn;
  }

  async close(): Promise<void> {
    if (this.#gone) return;
    // The running call ends when it next checks for cancellation; waiting calls find the engine closed.
    Atomics.store(this.#cancel, 0, 1);
    const closed = this.call('close', [], {}).catch(() => {});
    await closed;
    this.#gone = new EngineError('invalid-argument', 'The engine was closed.');
    await this.#worker.terminate();
  }

  #wait<T>(waiting: Pick<Waiting, 'onProgress'>, send: () => void): Promise<T> {
    if (this.#gone) return Promise.reject(this.#gone);
    // A busy engine keeps the process alive; an idle one does not.
    this.#worker.ref();
    return new Promise<T>((resolve, reject) => {
      this.#current = { ...waiting, resolve: resolve as (value: unknown) => void, reject };
      send();
    });
  }

  #receive(reply: Reply): void {
    const current = this.#current;
    if (!current) return;
    if (reply.type === 'progress') {
      current.onProgress?.(reply.value as Parameters<NonNullable<LongOptions['onProgress']>>[0]);
      return;
    }
    this.#settle();
    if (reply.type === 'error') current.reject(fromWire(reply.error));
    else current.resolve(reply.value);
  }

  #end(error: Error): void {
    this.#gone ??= error;
    const current = this.#current;
    this.#settle();
    current?.reject(this.#gone);
  }

  #settle(): void {
    this.#current = undefined;
    this.#worker.unref();
  }
}

function aborted(signal: AbortSignal): Error {
  return new EngineError('aborted', 'The call was cancelled.', {}, { cause: signal.reason });
}
