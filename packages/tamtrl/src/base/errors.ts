/**
 * The base class of every error that this package throws. Each room has a subclass with its own kinds, so that a
 * program can distinguish errors without parsing messages.
 */

/**
 * Shared by all copies of the package, and by the engine: `instanceof` fails across copies and threads, a symbol does
 * not.
 */
const MARK = Symbol.for('tamtrl.error');

type ErrorClass<E> = { readonly errorName: string; readonly prototype: E };

/** Characters of a line of a message, and lines of a message. */
const LONGEST_LINE = 4000;
const MOST_LINES = 100;
/** Characters kept at the end of a line that is cut, because the advice is there. */
const LINE_END = 500;

/** A message that may quote a file, a server or a model: each cut to a length that a person can look through. */
export function shortened(message: string): string {
  const lines = message.split('\n', MOST_LINES + 1);
  const kept = lines.length > MOST_LINES ? [...lines.slice(0, MOST_LINES), '…'] : lines;
  return kept.map((line) => (line.length > LONGEST_LINE ? cutLine(line) : line)).join('\n');
}

const cutLine = (line: string) => `${line.slice(0, LONGEST_LINE - LINE_END)} … ${line.slice(-LINE_END)}`;

/** Says what happened, where, what was expected, what was found, and what to do. */
export abstract class TamtrlError<Kind extends string = string> extends Error {
  /** Written out rather than taken from the class, whose name a bundler may shorten. */
  static readonly errorName: string = 'TamtrlError';
  override readonly name: string = (this.constructor as typeof TamtrlError).errorName;
  readonly kind: Kind;
  readonly [MARK] = true;

  constructor(kind: Kind, message: string, options?: { cause?: unknown }) {
    super(shortened(message), options);
    this.kind = kind;
  }

  /**
   * Whether `error` is an instance of the class that the method is called on (for `TamtrlError`: of any subclass), and
   * of `kind` if one is given. The engine's `EngineError` counts as a `TamtrlError`.
   */
  static isInstance<E extends { readonly kind: string }>(
    this: ErrorClass<E>,
    error: unknown,
    kind?: E['kind'],
  ): error is E {
    if (!(error instanceof Error) || !(MARK in error) || !('kind' in error)) return false;
    // biome-ignore lint/complexity/noThisInStatic: `this` is the subclass that the method is called on
    const wanted = this.errorName;
    if (wanted !== TamtrlError.errorName && !namesOf(error).includes(wanted)) return false;
    return kind === undefined || error.kind === kind;
  }
}

/** The names of an error's class and of its superclasses. */
function namesOf(error: Error): string[] {
  const names = [error.name];
  let at = error.constructor as Partial<ErrorClass<Error>>;
  for (; at.errorName !== undefined; at = Object.getPrototypeOf(at)) names.push(at.errorName);
  return names;
}

/** The run was cancelled, by the signal or because the engine noticed the signal first. */
export function isAbort(error: unknown, signal: AbortSignal | undefined): boolean {
  if (!signal?.aborted) return false;
  return error === signal.reason || (error instanceof Error && 'kind' in error && error.kind === 'aborted');
}

/**
 * Why a library failed on a file, in the library's words. `otherwise` if they are not meant for people: an error of
 * the language itself ("Cannot read properties of undefined") describes a bug in a program, not a file.
 */
export function libraryReason(error: unknown, otherwise: string): string {
  const ofLanguage = [TypeError, RangeError, ReferenceError].some((kind) => error instanceof kind);
  return error instanceof Error && !ofLanguage ? error.message : otherwise;
}
