/** Messages between the engine's client and its worker thread. */
import type { CoreOptions } from '../core.js';
import { EngineError, type ErrorDetails, type ErrorKind } from '../errors.js';
import type { AdapterOptions } from '../models/adapter.js';
import type { ModelConfig } from '../models/config.js';
import type { ModelSource } from '../weights/open-model.js';

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

/** An error as plain data, because structured cloning drops the fields of a subclass. */
export interface WireError {
  kind?: ErrorKind;
  message: string;
  details: ErrorDetails;
  stack?: string;
}

export function toWire(error: unknown): WireError {
  if (EngineError.isInstance(error)) {
    return { kind: error.kind, message: error.message, details: error.details, stack: error.stack };
  }
  if (error instanceof Error) return { message: error.message, details: {}, stack: error.stack };
  return { message: String(error), details: {} };
}

export function fromWire({ kind, message, details, stack }: WireError): Error {
  return new EngineError(kind ?? 'internal', message, details, { cause: stack });
}
