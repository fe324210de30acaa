/** Messages between the engine's client and its worker thread. */
import type { CoreOptions } from '../core.js';
import type { AdapterOptions } from '../models/adapter.js';
import type { ModelConfig } from '../models/config.js';
import type { ModelSource } from '../weights/open-model.js';
import type { WireError } from './wire-error.js';

export interface WorkerData {
  source: ModelSource;
  adapter: AdapterOptions | undefined;
  options: CoreOptions;
  /**
   * Int32 [1], not 0 once the current call is cancelled. In shared memory, because a worker reads no messages while it
   * computes.
   */
  cancel: SharedArrayBuffer;
}

export interface Opened {
  config: ModelConfig;
  parameters: number;
  trainedParameters: number;
  files: ReadonlyMap<string, Uint8Array>;
}

export interface Call {
  verb: string;
  args: unknown[];
}

export type Reply =
  | { type: 'opened'; value: Opened }
  | { type: 'result'; value: unknown }
  | { type: 'progress'; value: unknown }
  | { type: 'error'; error: WireError };
