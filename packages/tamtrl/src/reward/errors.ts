/** Refusals of the reward room: methods and what they need. */

export type RewardErrorKind = 'unknown-method' | 'requirement' | 'shape' | 'labels' | 'invalid-argument';

/** What happened, what was expected, and what to do. */
export class RewardError extends Error {
  override readonly name: string = 'RewardError';
  readonly kind: RewardErrorKind;

  constructor(kind: RewardErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }

  static isInstance(error: unknown, kind?: RewardErrorKind): error is RewardError {
    return (
      error instanceof Error &&
      error.name === 'RewardError' &&
      (kind === undefined || (error as RewardError).kind === kind)
    );
  }
}
