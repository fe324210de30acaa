/** Refusals of the policy room. */

export type PolicyErrorKind =
  | 'runtime-missing'
  | 'tokenizer'
  | 'capability'
  | 'invalid-argument'
  /** A server does not answer, or not in time. */
  | 'unreachable'
  /** A server answers that it will not: key, model name, request. */
  | 'refused'
  /** A server answers with what is no answer. */
  | 'protocol';

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
