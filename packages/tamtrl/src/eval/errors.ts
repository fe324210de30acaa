/** Refusals of the eval room. */

export type EvaluationErrorKind = 'no-data' | 'settings' | 'file' | 'invalid-argument';

/** What happened, what was expected, and what to do. */
export class EvaluationError extends Error {
  override readonly name: string = 'EvaluationError';
  readonly kind: EvaluationErrorKind;

  constructor(kind: EvaluationErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }

  static isInstance(error: unknown, kind?: EvaluationErrorKind): error is EvaluationError {
    return (
      error instanceof Error &&
      error.name === 'EvaluationError' &&
      (kind === undefined || (error as EvaluationError).kind === kind)
    );
  }
}
