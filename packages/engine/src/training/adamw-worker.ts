/** The thread's side of adamw-thread.ts. */
import { parentPort } from 'node:worker_threads';
import { AdamwKernel } from './adamw-kernel.js';
import { buffers, type Message } from './adamw-thread.js';

const kernel = new AdamwKernel();

parentPort?.on('message', ({ tensors, update }: Message) => {
  for (const tensor of tensors) kernel.run(tensor, update);
  // Only the arrays that the caller keeps go back; the gradient is no longer needed.
  const kept = tensors.map((tensor) => ({ ...tensor, gradient: undefined }));
  parentPort?.postMessage({ tensors: kept, update } satisfies Message, buffers(kept));
});
