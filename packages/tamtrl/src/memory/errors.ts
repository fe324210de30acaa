/** Refusals of the memory room: prompts, budgets, the agent. */

export type MemoryErrorKind = 'prompt-format' | 'window' | 'question-too-long' | 'chunk-too-long' | 'invalid-argument';

/** What happened, where, what was expected, and what to do. */
export class MemoryError extends Error {
  override readonly name: string = 'MemoryError';
  readonly kind: MemoryErrorKind;

  constructor(kind: MemoryErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }

  static isInstance(error: unknown, kind?: MemoryErrorKind): error is MemoryError {
    return (
      error instanceof Error &&
      error.name === 'MemoryError' &&
      (kind === undefined || (error as MemoryError).kind === kind)
    );
  }
}
