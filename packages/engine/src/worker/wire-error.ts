/** Errors between threads. */
import { EngineError, type ErrorDetails, type ErrorKind } from '../errors.js';

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
