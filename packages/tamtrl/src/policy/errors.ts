/** Refusals of the policy room. */

export type PolicyErrorKind = 'runtime-missing' | 'tokenizer' | 'capability' | 'invalid-argument';

/** What happened, what was expected, and what to do. */
export class PolicyError extends Error {
  override readonly name: string = 'PolicyError';
  readonly kind: PolicyErrorKind;

  constructor(kind: PolicyErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }

  static isInstance(error: unknown, kind?: PolicyErrorKind): error is PolicyError {
    return (
      error instanceof Error &&
      error.name === 'PolicyError' &&
      (kind === undefined || (error as PolicyError).kind === kind)
    );
  }
}
