/** Errors of the text room: tokenizers, chat templates, chunking. */
import { TamtrlError } from '../base/errors.js';

export type TextErrorKind = 'file' | 'tokenizer' | 'chat-template' | 'chunk-size' | 'invalid-argument';

/** Says what happened, where, what was expected, and what to do. */
export class TextError extends TamtrlError<TextErrorKind> {
  static override readonly errorName = 'TextError';
}
