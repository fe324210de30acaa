/** The thread's side of adamw-thread.ts. */
import { parentPort } from 'node:worker_threads';
import { buffers, type Message } from './adamw-thread.js';
import { updateTensor } from './adamw-update.js';

parentPort?.on('message', ({ tensors, update }: Message) => {
  for (const tensor of tensors) updateTensor(tensor, update);
  // Only the arrays that the caller keeps go back; the gradient is no longer needed.
  const kept = tensors.map((tensor) => ({ ...tensor, gradient: undefined }));
  parentPort?.postMessage({ tensors: kept, update } satisfies Message, buffers(kept));
});
