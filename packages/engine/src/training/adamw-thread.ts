/**
 * A second thread for AdamW. On large models its square roots and divisions would keep one core busy and the others
 * idle. Arrays are transferred there and back without copying, and every number is the same as in the caller's thread.
 */
import { Worker } from 'node:worker_threads';
import { EngineError } from '../errors.js';
import { builtFile } from '../worker/built-file.js';
import type { AdamwTensor, AdamwUpdate } from './adamw-update.js';

export interface Message {
  tensors: AdamwTensor[];
  update: AdamwUpdate;
}

export function buffers(tensors: readonly AdamwTensor[]): ArrayBuffer[] {
  return tensors.flatMap(({ weight, gradient, first, second }) =>
    [weight, gradient, first, second].flatMap((array) => (array ? [array.buffer as ArrayBuffer] : [])),
  );
}

export class AdamwThread {
  #worker: Worker | undefined;

  /** Updates tensors whose arrays fill their buffers. The returned arrays replace the given ones. */
  run(tensors: AdamwTensor[], update: AdamwUpdate): Promise<AdamwTensor[]> {
    const worker = this.#start();
    return new Promise((resolve, reject) => {
      const failed = (cause: unknown) =>
        reject(
          new EngineError(
            'internal',
            "The optimiser's thread ended during a step. Load the last checkpoint.",
            {},
            { cause },
          ),
        );
      worker.once('error', failed);
      worker.once('exit', failed);
      worker.once('message', (message: Message) => {
        worker.off('error', failed);
        worker.off('exit', failed);
        resolve(message.tensors);
      });
      worker.postMessage({ tensors, update } satisfies Message, buffers(tensors));
    });
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
    this.#worker = undefined;
  }

  #start(): Worker {
    if (!this.#worker) {
      this.#worker = new Worker(builtFile(import.meta.url, 'training/adamw-worker.js'), { name: 'tamtrl adamw' });
      this.#worker.unref();
    }
    return this.#worker;
  }
}
