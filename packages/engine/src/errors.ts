/**
 * All errors of the engine are EngineErrors. The message says what happened, where, what was expected and found, and
 * what to do. `isInstance` works across copies of the package and across the worker boundary.
 */

/** Facts about an error, for programs that would otherwise have to parse its message. */
export interface ErrorDetails {
  file?: string;
  tensor?: string;
  expected?: string;
  found?: string;
}

export type ErrorKind =
  | 'runtime-missing'
  | 'file'
  | 'truncated-file'
  | 'missing-tensor'
  | 'tensor-shape'
  | 'unknown-architecture'
  | 'unsupported'
  | 'non-finite-weights'
  | 'token-out-of-vocabulary'
  | 'empty-prompt'
  | 'prompt-too-long'
  | 'invalid-argument'
  | 'checkpoint'
  | 'aborted'
  | 'internal';

/**
 * The mark of errors of the package tamtrl, so that its `TamtrlError.isInstance` recognises the engine's errors too.
 */
const MARK = Symbol.for('tamtrl.error');

export class EngineError extends Error {
  override readonly name: string = 'EngineError';
  readonly kind: ErrorKind;
  readonly details: ErrorDetails;
  readonly [MARK] = true;

  constructor(kind: ErrorKind, message: string, details: ErrorDetails = {}, options?: { cause?: unknown }) {
    super(message, options);
    this.kind = kind;
    this.details = details;
  }

  static isInstance(error: unknown, kind?: ErrorKind): error is EngineError {
    if (!(error instanceof Error) || !('kind' in error) || !('details' in error)) return false;
    return kind === undefined || error.kind === kind;
  }
}

/** The message of a caught value. */
export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
