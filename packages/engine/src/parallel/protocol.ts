/** Messages between an engine and its replicas. */
import type { GenerateRequest } from '../api.js';
import type { ModelConfig } from '../models/config.js';
import type { ParameterSet } from '../models/parameters.js';
import type { RunOptions } from '../runs.js';
import type { GenerateCall } from '../sampling/sequences.js';
import type { BatchInputs } from '../training/batch-inputs.js';
import type { BatchResult } from '../training/executor.js';
import type { WireError } from '../worker/wire-error.js';

export interface ReplicaData {
  config: ModelConfig;
  options: RunOptions;
  /** Int32 [1], not 0 if the current task is to end. */
  stop: SharedArrayBuffer;
}

/** Which weights a call uses. */
export interface WeightsKey {
  /** The same for the same numbers. */
  key: string;
  /** Whether they have the adapter's parameters. */
  adapted: boolean;
}

/** Micro-batches to run. Answered with `BatchesDone`. */
export interface BatchesTask {
  kind: 'batches';
  inputs: readonly BatchInputs[];
}

export interface BatchesDone {
  /** In the order of the inputs. */
  results: BatchResult[];
  /** Sums over the micro-batches, if they have a loss. */
  gradients: ParameterSet;
}

/** Part of a call of `generate`; see `Generator.generate`. Answered with the samples of each request. */
export interface GenerateTask {
  kind: 'generate';
  requests: readonly GenerateRequest[];
  options: Omit<GenerateCall, 'onProgress'>;
  first: number;
  fixed: number | undefined;
}

export type Task = WeightsKey &
  (BatchesTask | GenerateTask) & {
    /** Absent if the replica has them (`RecentWeights`). */
    weights?: ParameterSet;
  };

export type ReplicaReply =
  | { type: 'progress'; value: unknown }
  | { type: 'result'; value: unknown }
  | { type: 'error'; error: WireError };
