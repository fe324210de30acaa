/** Refusals of the train room: configuration, checkpoints, counts. */

export type TrainErrorKind = 'config' | 'capability' | 'checkpoint' | 'row-count' | 'no-data' | 'invalid-argument';

/** What happened, where, what was expected, and what to do. */
export class TrainError extends Error {
  override readonly name: string = 'TrainError';
  readonly kind: TrainErrorKind;

  constructor(kind: TrainErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }

  static isInstance(error: unknown, kind?: TrainErrorKind): error is TrainError {
    return (
      error instanceof Error &&
      error.name === 'TrainError' &&
      (kind === undefined || (error as TrainError).kind === kind)
    );
  }
}
