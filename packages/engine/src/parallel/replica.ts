/** A thread with a copy of the weights, which runs parts of an engine's calls on one core. */
import { Worker } from 'node:worker_threads';
import { EngineError } from '../errors.js';
import type { ParameterSet } from '../models/parameters.js';
import { RecentWeights } from '../models/recent-weights.js';
import { builtFile } from '../worker/built-file.js';
import { fromWire } from '../worker/wire-error.js';
import type { ReplicaData, ReplicaReply, Task } from './protocol.js';

export class Replica {
  readonly #data: ReplicaData;
  /** Of the running thread. */
  #known = new RecentWeights<true>();
  #worker: Worker | undefined;

  /** The thread starts with the first task, and again with the next one if it has ended. */
  constructor(data: ReplicaData) {
    this.#data = data;
  }

  /** Runs a task; one at a time. */
  run<Result>(task: Task, weights: ParameterSet, onProgress: (value: unknown) => void): Promise<Result> {
    this.#worker ??= this.#start();
    const worker = this.#worker;
    const isKnown = this.#known.get(task.key) !== undefined;
    if (!isKnown) this.#known.add(task.key, true);
    return new Promise<Result>((resolve, reject) => {
      const settle = () => {
        worker.off('message', receive);
        worker.off('error', fail);
        worker.off('exit', fail);
      };
      const fail = (cause: unknown) => {
        settle();
        reject(new EngineError('internal', `A thread of the engine has ended (${String(cause)}).`, {}, { cause }));
      };
      const receive = (reply: ReplicaReply) => {
        if (reply.type === 'progress') {
          onProgress(reply.value);
          return;
        }
        settle();
        if (reply.type === 'error') reject(fromWire(reply.error));
        else resolve(reply.value as Result);
      };
      worker.on('message', receive);
      worker.on('error', fail);
      worker.on('exit', fail);
      worker.postMessage(isKnown ? task : { ...task, weights });
    });
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const file = builtFile(import.meta.url, 'parallel/replica-worker.js');
    const worker = new Worker(file, { workerData: this.#data, name: 'tamtrl replica' });
    worker.unref();
    worker.once('exit', () => {
      this.#worker = undefined;
      this.#known = new RecentWeights();
    });
    return worker;
  }
}
