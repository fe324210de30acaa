/** Errors in words for people, with advice where the system refused something. */
import { shortened, TamtrlError } from './errors.js';

const NOT_ALLOWED = 'You have no permission for that: check the permissions, or choose another location.';

/** What to do, by the code that the system refuses with. Never --resume: only a caller knows what has been saved. */
const SYSTEM_ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full. Free some space first.',
  EDQUOT: 'Your disk quota is used up. Free some space first.',
  EACCES: NOT_ALLOWED,
  EPERM: NOT_ALLOWED,
  EROFS: 'That location is read-only: choose another.',
  ENOTDIR: 'Part of the path is a file, not a folder: check the path.',
  EISDIR: 'That is a folder, not a file: check the path.',
  ENOENT: 'Check the path.',
  EMFILE: 'Too many files are open: raise the limit with "ulimit -n".',
  EIO: 'The disk reported an error: check the machine.',
};
const CODES = new RegExp(`\\b(${Object.keys(SYSTEM_ADVICE).join('|')}): `);

/** The code with which the system refused something; undefined for every other error. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code !== undefined && syscall !== undefined) return code;
  // It may be wrapped in one of our messages, or come from another thread without its code.
  return CODES.exec(error.message)?.[1];
}

/** A sentence for people; the stack if the error is not one of ours, and therefore a bug. */
export function describe(error: unknown): string {
  return shortened(sentenceOf(error));
}

function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = systemCode(error);
  if (code !== undefined) return `${error.message.replace(/\.$/, '')}. ${SYSTEM_ADVICE[code] ?? ''}`.trimEnd();
  if (TamtrlError.isInstance(error)) return error.message;
  return error.stack ?? error.message;
}
