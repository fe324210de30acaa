/** Refusals of the text room: tokenizers, chat templates, chunking. */

export type TextErrorKind = 'file' | 'tokenizer' | 'chat-template' | 'chunk-size' | 'invalid-argument';

/** What happened, where, what was expected, and what to do. */
export class TextError extends Error {
  override readonly name: string = 'TextError';
  readonly kind: TextErrorKind;

  constructor(kind: TextErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }

  static isInstance(error: unknown, kind?: TextErrorKind): error is TextError {
    return (
      error instanceof Error && error.name === 'TextError' && (kind === undefined || (error as TextError).kind === kind)
    );
  }
}
