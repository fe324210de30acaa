/** The replica's side of replica.ts: runs one task after another. */
import { parentPort, workerData } from 'node:worker_threads';
import { EngineError } from '../errors.js';
import type { ParameterSet } from '../models/parameters.js';
import { RecentWeights } from '../models/recent-weights.js';
import { RunSets } from '../runs.js';
import type { BatchResult } from '../training/executor.js';
import { Gradients } from '../training/gradients.js';
import { toWire } from '../worker/wire-error.js';
import type { BatchesDone, ReplicaData, ReplicaReply, Task } from './protocol.js';

const { config, options, stop } = workerData as ReplicaData;
const flag = new Int32Array(stop);
const runs = new RunSets(config, options);
const known = new RecentWeights<ParameterSet>();

function throwIfStopped(): void {
  if (Atomics.load(flag, 0) !== 0) throw new EngineError('aborted', 'The call was cancelled.');
}

async function answer(task: Task): Promise<{ value: unknown; transfer: ArrayBuffer[] }> {
  if (task.weights) known.add(task.key, task.weights);
  const weights = known.get(task.key) as ParameterSet;
  const { executor, generator } = runs.of(task.adapted);
  const onProgress = (value: unknown) => reply({ type: 'progress', value });
  if (task.kind === 'generate') {
    const { requests, fixed, first } = task;
    const call = { ...task.options, onProgress };
    const value = await generator.generate({ key: task.key, weights }, requests, call, throwIfStopped, fixed, first);
    return { value, transfer: [] };
  }
  const gradients = new Gradients();
  const results: BatchResult[] = [];
  for (const inputs of task.inputs) {
    throwIfStopped();
    results.push(await executor.run(weights, inputs, gradients, throwIfStopped));
    onProgress(results.length);
  }
  const value: BatchesDone = { results, gradients: gradients.all };
  return { value, transfer: [...gradients.values()].map(({ buffer }) => buffer as ArrayBuffer) };
}

function reply(message: ReplicaReply, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

parentPort?.on('message', async (task: Task) => {
  try {
    const { value, transfer } = await answer(task);
    reply({ type: 'result', value }, transfer);
  } catch (error) {
    reply({ type: 'error', error: toWire(error) });
  }
});
