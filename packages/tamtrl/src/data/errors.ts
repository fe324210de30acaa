/** Refusals of the data room: records, generators, relevance. */

export type DataErrorKind = 'file' | 'record' | 'annotation' | 'judge' | 'invalid-argument';

/** What happened, where, what was expected, and what to do. `line` counts from 1. */
export class DataError extends Error {
  override readonly name: string = 'DataError';
  readonly kind: DataErrorKind;
  readonly line?: number;

  constructor(kind: DataErrorKind, message: string, options: { line?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.kind = kind;
    this.line = options.line;
  }

  static isInstance(error: unknown, kind?: DataErrorKind): error is DataError {
    return (
      error instanceof Error && error.name === 'DataError' && (kind === undefined || (error as DataError).kind === kind)
    );
  }
}
