/** Refusals of the eval room. */

export type EvalErrorKind = 'no-data' | 'settings' | 'file' | 'invalid-argument';

/** What happened, what was expected, and what to do. */
export class EvalError extends Error {
  override readonly name: string = 'EvalError';
  readonly kind: EvalErrorKind;

  constructor(kind: EvalErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }

  static isInstance(error: unknown, kind?: EvalErrorKind): error is EvalError {
    return (
      error instanceof Error && error.name === 'EvalError' && (kind === undefined || (error as EvalError).kind === kind)
    );
  }
}
